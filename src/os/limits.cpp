// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The limits under which memory is asked for.
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>

#include "base/format.hpp"
#include "base/hash.hpp"
#include "os/keep_errno.hpp"
#include "os/pages.hpp"
#include "os/small_file.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

std::size_t limit_of(int which) noexcept {
  rlimit limit{};
  if (getrlimit(static_cast<__rlimit_resource>(which), &limit) != 0) return SIZE_MAX;
  return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : limit.rlim_cur;
}

// Only where mlockall() has asked for future mappings to be locked is a mapping refused with this
// error, and only to those who may not lock as much as they like.
bool locks_more_than(std::size_t limit) noexcept {
  if (limit > SIZE_MAX / 2) return false;
  const std::size_t more = limit + page_bytes();
  void* probe = mmap(nullptr, more, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (probe == MAP_FAILED) return errno == EAGAIN;
  unreserve(probe, more);
  return false;
}

std::size_t lock_limit() noexcept {
  const std::size_t limit = limit_of(RLIMIT_MEMLOCK);
  return locks_more_than(limit) ? limit : SIZE_MAX;
}

// Without overcommit the system counts what every process might write to.
bool overcommit_is_off() noexcept {
  char text[8];
  return read_small_file("/proc/sys/vm/overcommit_memory", text, sizeof text) != 0 &&
         text[0] == '2';
}

}  // namespace

std::size_t address_space_limit() noexcept {
  keep_errno keep;
  const std::size_t space = limit_of(RLIMIT_AS);
  const std::size_t locked = lock_limit();
  return locked < space ? locked : space;
}

std::size_t memory_limit() noexcept {
  keep_errno keep;
  const std::size_t space = address_space_limit();
  const std::size_t data = limit_of(RLIMIT_DATA);
  return data < space ? data : space;
}

std::uint32_t limits_number() noexcept {
  keep_errno keep;
  std::uint64_t all = 0;
  for (int which : {int{RLIMIT_AS}, int{RLIMIT_DATA}, int{RLIMIT_MEMLOCK}})
    all = base::mix(all ^ limit_of(which));
  return static_cast<std::uint32_t>(all) | 1;
}

std::size_t describe_limit(std::size_t bytes, char* text, std::size_t room) noexcept {
  keep_errno keep;
  base::writer out(text, room);
  char line[128];
  unsigned long size = 0, data = 0;
  if (read_small_file("/proc/self/statm", line, sizeof line) == 0 ||
      std::sscanf(line, "%lu %*u %*u %*u %*u %lu", &size, &data) != 2)
    return 0;
  const struct {
    const char* name;
    std::size_t used, limit;
  } limits[] = {
      {"RLIMIT_AS", size * page_bytes(), limit_of(RLIMIT_AS)},
      {"RLIMIT_DATA", data * page_bytes(), limit_of(RLIMIT_DATA)},
      {"RLIMIT_MEMLOCK", size * page_bytes(), lock_limit()},
  };
  for (const auto& l : limits)
    if (l.limit != SIZE_MAX && (l.used > l.limit || bytes > l.limit - l.used)) {
      out.add("%s is %zu MiB, and %zu MiB are in use", l.name, l.limit / mebibyte,
              l.used / mebibyte);
      return out.written();
    }
  if (overcommit_is_off()) out.add("the system does not overcommit memory");
  return out.written();
}

}  // namespace graceslab::os
