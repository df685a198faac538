// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/pages.hpp"

#include <graceslab/detail/atomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "os/fault.hpp"
#include "os/keep_errno.hpp"
#include "os/sanitizer.hpp"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

namespace graceslab::os {
namespace {

std::size_t cached_page_bytes;

std::size_t whole_pages(std::size_t bytes) noexcept {
  const std::size_t page = page_bytes();
  return (bytes + page - 1) & ~(page - 1);
}

void* map_anonymous(std::size_t bytes, int protection, int flags) noexcept {
  unseen ours;
  void* start = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
}

bool all_zero(const char* page, std::size_t bytes) noexcept {
  return page[0] == 0 && __builtin_memcmp(page, page + 1, bytes - 1) == 0;
}

// Where nothing can be discarded. Pages that read zero are only read: those that nobody touched
// stay without memory.
void clear(char* start, std::size_t bytes) noexcept {
  const std::size_t page = page_bytes();
  for (char* end = start + bytes; start != end; start += page)
    if (!all_zero(start, page)) __builtin_memset(start, 0, page);
}

// Locked pages are refused by the plain call (EINVAL), and by systems before 5.18 by both.
bool give_to_system(void* start, std::size_t bytes) noexcept {
  return madvise(start, bytes, MADV_DONTNEED) == 0 ||
         madvise(start, bytes, MADV_DONTNEED_LOCKED) == 0;
}

}  // namespace

std::size_t page_bytes() noexcept {
  std::size_t bytes = gs_load_relaxed(&cached_page_bytes);
  if (bytes == 0) {
    keep_errno keep;
    bytes = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    gs_store_relaxed(&cached_page_bytes, bytes);
  }
  return bytes;
}

namespace {

void* map_at_multiple(std::size_t bytes, std::size_t align, int protection, int flags) noexcept {
  keep_errno keep;
  bytes = whole_pages(bytes);
  const std::size_t extra = align > page_bytes() ? align : 0;
  if (bytes == 0 || bytes + extra < bytes) return nullptr;
  auto* start = static_cast<char*>(map_anonymous(bytes + extra, protection, flags));
  if (!start || extra == 0) return start;
  const std::size_t before =
      (align - (reinterpret_cast<std::uintptr_t>(start) & (align - 1))) & (align - 1);
  if (before) unreserve(start, before);
  if (extra - before) unreserve(start + before + bytes, extra - before);
  return start + before;
}

}  // namespace

void* reserve(std::size_t bytes, std::size_t align, bool readable) noexcept {
  return map_at_multiple(bytes, align, readable ? PROT_READ : PROT_NONE, MAP_NORESERVE);
}

void* map_aligned(std::size_t bytes, std::size_t align) noexcept {
  return map_at_multiple(bytes, align, PROT_READ | PROT_WRITE, 0);
}

std::uintptr_t likely_free(std::size_t bytes, std::size_t align) noexcept {
  keep_errno keep;
  void* here = map_anonymous(page_bytes(), PROT_NONE, MAP_NORESERVE);
  if (here == nullptr) return 0;
  unreserve(here, page_bytes());
  // The system goes on from here, downwards as a rule, and all that it gives is less than `bytes`.
  const auto top = reinterpret_cast<std::uintptr_t>(here);
  const std::uintptr_t start = top > 4 * bytes ? top - 2 * bytes : top + bytes;
  return start & ~(std::uintptr_t{align} - 1);
}

mapped map_at(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  unseen ours;
  void* got = mmap(start, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got == start) return mapped::yes;
  if (got == MAP_FAILED) return errno == EEXIST ? mapped::occupied : mapped::refused;
  unreserve(got, bytes);  // a system that does not know the flag takes the address for a hint
  return mapped::occupied;
}

bool commit(void* start, std::size_t bytes, std::uint32_t cache) noexcept {
  if (fault_now(GS_FAULT_PAGES, cache)) return false;
  keep_errno keep;
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

bool shut_pages(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  return mprotect(start, bytes, PROT_NONE) == 0;
}

bool open_pages(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

void populate(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  // unused result: older systems fault page by page instead
  madvise(start, bytes, MADV_POPULATE_WRITE);
}

void discard(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  unseen ours;
  bytes = whole_pages(bytes);
  if (!give_to_system(start, bytes)) clear(static_cast<char*>(start), bytes);
}

void small_pages(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  // unused result: a system without huge pages refuses
  madvise(start, bytes, MADV_NOHUGEPAGE);
}

void unreserve(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  unseen ours;
  bytes = whole_pages(bytes);
  if (munmap(start, bytes) == 0) return;
  // A hole would have been one mapping more than the system allows: the memory goes back at least.
  (void)give_to_system(start, bytes);
}

void* map(std::size_t bytes, gs_fault_site site) noexcept {
  if (fault_now(site)) return nullptr;
  keep_errno keep;
  return map_anonymous(whole_pages(bytes), PROT_READ | PROT_WRITE, 0);
}

void unmap(void* start, std::size_t bytes) noexcept { unreserve(start, bytes); }

}  // namespace graceslab::os
