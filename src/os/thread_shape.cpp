// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/thread_shape.hpp"

#include <graceslab/detail/atomic.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "os/config.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

namespace graceslab::os {
namespace {

#if defined(__has_feature)
#define GS_HAS_FEATURE(x) __has_feature(x)
#else
#define GS_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    GS_HAS_FEATURE(address_sanitizer) || GS_HAS_FEATURE(thread_sanitizer)
constexpr std::uint64_t stack_least_bytes = std::uint64_t{2} << 20;
#else
constexpr std::uint64_t stack_least_bytes = 0;
#endif

// Asked for only where it differs, so that a sandbox that refuses such calls meets none.
bool give_mask(pthread_attr_t* attributes, std::uint64_t set) noexcept {
  cpu_mask mine = {}, wanted = {};
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mine, mine);
  if (bytes <= 0) return true;
  if (set != 0)
    std::memcpy(wanted, &set, sizeof set);
  else if (syscall(SYS_sched_getaffinity, getpid(), sizeof wanted, wanted) <= 0)
    return true;
  return std::memcmp(mine, wanted, sizeof mine) == 0 ||
         pthread_attr_setaffinity_np(attributes, static_cast<std::size_t>(bytes),
                                     reinterpret_cast<const cpu_set_t*>(wanted)) == 0;
}

bool give_class(pthread_attr_t* attributes, int priority) noexcept {
  const int wanted = priority == 0 ? SCHED_OTHER : SCHED_FIFO;
  const int mine = sched_getscheduler(0);
  if (wanted == SCHED_OTHER && (mine < 0 || mine == SCHED_OTHER)) return true;
  sched_param param = {};
  param.sched_priority = priority;
  return pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED) == 0 &&
         pthread_attr_setschedpolicy(attributes, wanted) == 0 &&
         pthread_attr_setschedparam(attributes, &param) == 0;
}

std::uint64_t cpus_set() noexcept { return gs_load_relaxed(&settings.helper_cpus); }
int priority_set() noexcept { return static_cast<int>(gs_load_relaxed(&settings.helper_priority)); }

}  // namespace

bool shape_is_set() noexcept { return cpus_set() != 0 || priority_set() != 0; }

// CPUs and class are given before the thread runs: on the core of a pinned real-time thread it
// could not take them itself.
bool give_shape(pthread_attr_t* attributes, const thread_shape& shape) noexcept {
  const std::uint64_t stack_bytes =
      std::max(gs_load_relaxed(&settings.helper_stack), stack_least_bytes);
  if (shape.stack && pthread_attr_setstacksize(attributes, stack_bytes) != 0) return false;
  if (shape.like == thread_shape::creator) return true;
  const bool as_set = shape.like == thread_shape::settings;
  return give_mask(attributes, as_set ? cpus_set() : 0) &&
         give_class(attributes, as_set ? priority_set() : 0);
}

void report_shape_refused() noexcept {
  static bool reported;
  if (gs_exchange(&reported, true)) return;
  report(GS_REPORT_BAD_CONFIG,
         "GRACESLAB_HELPER_CPUS=%llu with GRACESLAB_HELPER_PRIORITY=%d is refused by the system: "
         "helper threads have the CPUs of the process and the normal class",
         static_cast<unsigned long long>(cpus_set()), priority_set());
}

}  // namespace graceslab::os
