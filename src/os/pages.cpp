// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/pages.hpp"

#include <graceslab/detail/atomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/fault.hpp"
#include "os/keep_errno.hpp"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace graceslab::os {
namespace {

std::size_t cached_page_bytes;

std::size_t whole_pages(std::size_t bytes) noexcept {
  const std::size_t page = page_bytes();
  return (bytes + page - 1) & ~(page - 1);
}

void* map_anonymous(std::size_t bytes, int protection, int flags) noexcept {
  void* start = mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
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
  if (before) munmap(start, before);
  if (extra - before) munmap(start + before + bytes, extra - before);
  return start + before;
}

}  // namespace

void* reserve(std::size_t bytes, std::size_t align) noexcept {
  return map_at_multiple(bytes, align, PROT_NONE, MAP_NORESERVE);
}

void* map_aligned(std::size_t bytes, std::size_t align) noexcept {
  return map_at_multiple(bytes, align, PROT_READ | PROT_WRITE, 0);
}

bool commit(void* start, std::size_t bytes, std::uint32_t cache) noexcept {
  if (fault_now(GS_FAULT_PAGES, cache)) return false;
  keep_errno keep;
  return mprotect(start, bytes, PROT_READ | PROT_WRITE) == 0;
}

void populate(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  madvise(start, bytes, MADV_POPULATE_WRITE);  // older systems fault page by page instead
}

void discard(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  madvise(start, bytes, MADV_DONTNEED);
}

void small_pages(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  madvise(start, bytes, MADV_NOHUGEPAGE);
}

void unreserve(void* start, std::size_t bytes) noexcept {
  keep_errno keep;
  munmap(start, whole_pages(bytes));
}

std::size_t address_space_limit() noexcept {
  keep_errno keep;
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return SIZE_MAX;
  return limit.rlim_cur;
}

void* map(std::size_t bytes, gs_fault_site site) noexcept {
  if (fault_now(site)) return nullptr;
  keep_errno keep;
  return map_anonymous(whole_pages(bytes), PROT_READ | PROT_WRITE, 0);
}

void unmap(void* start, std::size_t bytes) noexcept { unreserve(start, bytes); }

}  // namespace graceslab::os
