// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Address space and pages.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::os {

std::size_t page_bytes() noexcept;
// Address space without memory. nullptr when refused.
void* reserve(std::size_t bytes, std::size_t align) noexcept;
// Makes reserved pages usable (zero-filled on first touch). False when refused; honours
// GS_FAULT_PAGES for `cache`.
bool commit(void* start, std::size_t bytes, std::uint32_t cache) noexcept;
void populate(void* start, std::size_t bytes) noexcept;  // best effort, in one go
void discard(
    void* start,
    std::size_t bytes) noexcept;  // pages back to the system; range stays usable, zero-filled
// Asks for base pages only: a huge page would make a small cache cost 2 MiB.
void small_pages(void* start, std::size_t bytes) noexcept;
void unreserve(void* start, std::size_t bytes) noexcept;
std::size_t address_space_limit() noexcept;  // RLIMIT_AS, or SIZE_MAX
// Committed pages for metadata, outside any reserved range (records, chunks, arrays). nullptr when
// refused or faulted.
void* map(std::size_t bytes, gs_fault_site site) noexcept;
void unmap(void* start, std::size_t bytes) noexcept;
// The same at a multiple of `align` (a power of two, of whole pages), whatever faults are injected.
void* map_aligned(std::size_t bytes, std::size_t align) noexcept;

}  // namespace graceslab::os
