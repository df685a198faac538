// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory for the library's own records: sheaves, slab descriptors, thread records. Never inside
// object memory.
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::slab {

// What is given back returns to the system 64 KiB at a time, as soon as nothing of these is in use.
// Sixteen-byte aligned (64 from 64 bytes up), contents undefined. nullptr when memory ran out or a
// fault is injected.
void* meta_alloc(std::size_t bytes, gs_fault_site site, std::uint32_t cache) noexcept;
void meta_free(void* block, std::size_t bytes) noexcept;

void meta_lock_for_fork() noexcept;
void meta_unlock_after_fork(bool child) noexcept;

}  // namespace graceslab::slab
