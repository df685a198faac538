// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "sync/overdue.hpp"

#include <graceslab/detail/atomic.h>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"

namespace graceslab::sync {

std::uint64_t overdue_now_ms() noexcept {
  const std::uint64_t now = os::now_ms();
  return now ? now : 1;
}

bool seen_before(overdue_clock& clock, std::uint64_t now, std::uint64_t* age_ms) noexcept {
  const std::uint64_t since = gs_load_relaxed(&clock.since_ms);
  if (since == 0) {
    gs_store_relaxed(&clock.since_ms, now);
    clock.said = 0;
    return false;
  }
  *age_ms = now > since ? now - since : 0;
  return true;
}

bool report_is_due(overdue_clock& clock, std::uint64_t age_ms) noexcept {
  const std::uint64_t limit = gs_load_relaxed(&os::settings.stall_ms);
  if (age_ms < limit * (clock.said == 0 ? 1 : 3 * clock.said)) return false;
  clock.said = static_cast<std::uint32_t>(age_ms / (3 * limit) + 1);
  return true;
}

std::size_t describe(const overdue& what, const char* kind, const char* of, char* text,
                     std::size_t bytes) noexcept {
  char function[240], thread[32];
  os::describe_function(what.func, function, sizeof function);
  os::thread_name(what.tid, thread, sizeof thread);
  base::writer out(text, bytes);
  out.add("%s %s%s has been running for at least %llu ms in thread %u (%s)", kind, function, of,
          static_cast<unsigned long long>(what.age_ms), what.tid, thread);
  return out.written();
}

}  // namespace graceslab::sync
