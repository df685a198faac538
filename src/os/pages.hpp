// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Address space and pages.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::os {

std::size_t page_bytes() noexcept;
// Address space without memory, which may not be touched or, `readable`, reads zero. nullptr when
// refused.
void* reserve(std::size_t bytes, std::size_t align, bool readable = false) noexcept;
// Where the process may map little, nothing is reserved: an address from which `bytes` are likely
// to stay free, to be mapped in pieces by map_at(). 0 when even this is refused.
std::uintptr_t likely_free(std::size_t bytes, std::size_t align) noexcept;
enum class mapped { yes, occupied, refused };
// Usable pages, reading zero, at an address. `occupied`: somebody else has mapped something there.
mapped map_at(void* start, std::size_t bytes) noexcept;
// Makes reserved pages usable (zero-filled on first touch). False when refused; honours
// GS_FAULT_PAGES for `cache`.
bool commit(void* start, std::size_t bytes, std::uint32_t cache) noexcept;
// Whole pages that nobody may touch any more, whatever is in them; and usable again, with the same
// in them. False when refused. Whatever faults are injected; in signal handlers, too.
bool shut_pages(void* start, std::size_t bytes) noexcept;
bool open_pages(void* start, std::size_t bytes) noexcept;
void populate(void* start, std::size_t bytes) noexcept;  // best effort, in one go
// Pages back to the system; the range stays usable and reads zero. Where the system refuses, as of
// locked pages, it is cleared and keeps its memory.
void discard(void* start, std::size_t bytes) noexcept;
// Asks for base pages only: a huge page would make a small cache cost 2 MiB.
void small_pages(void* start, std::size_t bytes) noexcept;
// A refusal costs address space only.
void unreserve(void* start, std::size_t bytes) noexcept;
// What all mappings together may have: RLIMIT_AS, and RLIMIT_MEMLOCK where mlockall() has asked for
// future ones to be locked. SIZE_MAX: no limit.
std::size_t address_space_limit() noexcept;
std::size_t memory_limit() noexcept;     // the same, or RLIMIT_DATA where that is less
std::uint32_t limits_number() noexcept;  // changes when a limit does, never 0
// Names the limit of the process, or of the system, that `bytes` more of memory would exceed, with
// what is in use. Returns the length; 0: none is known.
std::size_t describe_limit(std::size_t bytes, char* text, std::size_t room) noexcept;
// Committed pages for metadata, outside any reserved range (records, chunks, arrays). nullptr when
// refused or faulted.
void* map(std::size_t bytes, gs_fault_site site) noexcept;
void unmap(void* start, std::size_t bytes) noexcept;
// The same at a multiple of `align` (a power of two, of whole pages), whatever faults are injected.
void* map_aligned(std::size_t bytes, std::size_t align) noexcept;

}  // namespace graceslab::os
