// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The ladder: membarrier; else fences in the readers; a membarrier that fails later: the mprotect
// shoot-down; else none.
#include "os/fence.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if __has_include(<linux/membarrier.h>)
#include <linux/membarrier.h>
#endif

#include <graceslab/detail/atomic.h>

#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

std::uint64_t fences_asked;  // atomic

constexpr int run_command = 1 << 3;       // MEMBARRIER_CMD_PRIVATE_EXPEDITED
constexpr int register_command = 1 << 4;  // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED

constexpr int undecided = -1;
int mode = undecided;     // enum gs_fence; moves only down the ladder after the start
std::uint32_t lost_told;  // atomic: it was reported that the mode is NONE

word_lock page_lock;  // guards `page`
char* page;

bool membarrier(int command) noexcept {
#ifdef SYS_membarrier
  return syscall(SYS_membarrier, command, 0, 0) == 0;
#else
  (void)command;
  return false;
#endif
}

bool register_membarrier() noexcept {
  return membarrier(register_command) && membarrier(run_command);
}

// Taking a right away from a page makes the system interrupt every core that runs a thread of this
// process, and an interrupt is a full fence. That holds on x86 without broadcast invalidation (AMD
// INVLPGB), and nowhere else.
bool shoot_down_is_a_fence() noexcept {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned broadcast_invalidation = 1u << 3;
  return !__get_cpuid(0x80000008u, &a, &b, &c, &d) || (b & broadcast_invalidation) == 0;
#else
  return false;
#endif
}

bool shoot_down() noexcept {
  if (!shoot_down_is_a_fence()) return false;
  word_guard guard(page_lock);
  const std::size_t bytes = page_bytes();
  if (!page) {
    void* fresh = mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (fresh == MAP_FAILED) return false;
    page = static_cast<char*>(fresh);
  }
  gs_full_fence();
  if (mprotect(page, bytes, PROT_READ | PROT_WRITE) != 0) return false;
  gs_store_relaxed(
      page, static_cast<char>(1));  // present and dirty, so that there is something to shoot down
  if (mprotect(page, bytes, PROT_READ) != 0) return false;
  gs_full_fence();
  return true;
}

gs_fence choose() noexcept {
  const int wanted = gs_load_relaxed(&settings.fence);
  if (wanted == GS_FENCE_READER) return GS_FENCE_READER;
  if (wanted == GS_FENCE_MPROTECT) {
    if (shoot_down()) return GS_FENCE_MPROTECT;
    report(GS_REPORT_BAD_CONFIG,
           "GRACESLAB_FENCE=mprotect: no fence on this machine, readers fence instead");
    return GS_FENCE_READER;
  }
  if (register_membarrier()) return GS_FENCE_MEMBARRIER;
  if (wanted == GS_FENCE_MEMBARRIER)
    report(GS_REPORT_BAD_CONFIG,
           "GRACESLAB_FENCE=membarrier: refused by the system, readers fence instead");
  return GS_FENCE_READER;
}

// One step down; threads that lose the race find the step taken.
void step_down(gs_fence from, gs_fence to) noexcept {
  int expected = from;
  gs_compare_exchange(&mode, &expected, static_cast<int>(to));
}

void child() noexcept {
  page_lock.reset_in_child();
  if (gs_load_relaxed(&mode) == GS_FENCE_MEMBARRIER) membarrier(register_command);
}

[[gnu::constructor(102)]] void start_fence() noexcept {
  on_fork({fork_rank_fence, [] { page_lock.lock(); }, [] { page_lock.unlock(); }, child});
  fence_mode();
}

}  // namespace

gs_fence fence_mode() noexcept {
  int now = gs_load_relaxed(&mode);
  if (now == undecided) {
    keep_errno keep;
    load_settings();
    const int chosen = choose();
    if (gs_compare_exchange(&mode, &now, chosen)) now = chosen;
  }
  return static_cast<gs_fence>(now);
}

std::uint64_t heavy_fences() noexcept { return gs_load_relaxed(&fences_asked); }

bool heavy_fence() noexcept {
  keep_errno keep;
  (void)gs_fetch_add_relaxed(&fences_asked, std::uint64_t{1});
  for (;;) {
    switch (fence_mode()) {
      case GS_FENCE_MEMBARRIER:
        gs_light_fence();
        // The registration is per address space and could be missing in one made by a bare clone().
        if (membarrier(run_command) || register_membarrier()) return true;
        step_down(GS_FENCE_MEMBARRIER, GS_FENCE_MPROTECT);
        break;
      case GS_FENCE_READER:
        gs_full_fence();
        return true;
      case GS_FENCE_MPROTECT:
        if (shoot_down()) return true;
        step_down(GS_FENCE_MPROTECT, GS_FENCE_NONE);
        break;
      default:
        return false;
    }
  }
}

void report_lost_fence() noexcept {
  if (GS_LIKELY(fence_mode() != GS_FENCE_NONE)) return;
  if (gs_load_relaxed(&lost_told) != 0 || gs_exchange(&lost_told, 1u) != 0) return;
  report(GS_REPORT_NO_FENCE,
         "membarrier and mprotect are refused: grace periods stop, nothing is reclaimed");
}

bool readers_fence() noexcept { return fence_mode() == GS_FENCE_READER; }

}  // namespace graceslab::os
