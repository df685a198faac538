// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The ladder: membarrier; else, at start only, fences in the readers; a membarrier that fails
// later: the mprotect shoot-down; else none this time. Every fence begins at the top again, so that
// what the system refused once does not count for ever.
#include "os/fence.hpp"

#include <errno.h>
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

#include "os/busted.hpp"
#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

std::uint64_t fences_asked;  // atomic

constexpr int run_command = 1 << 3;       // MEMBARRIER_CMD_PRIVATE_EXPEDITED
constexpr int register_command = 1 << 4;  // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED

// Refusals that pass: asked again at once, a few times.
constexpr int tries = 4;
bool passing(int error) noexcept { return error == EINTR || error == EAGAIN || error == ENOMEM; }

constexpr int undecided = -1;
int first_rung = undecided;  // enum gs_fence; decided once
int last_rung = undecided;   // the one that carried the last fence, for fence_mode()
std::uint32_t lost_told;     // atomic: it was said that every fence was refused

// What the shoot-down takes a right away from. Not from the heap: there is nothing to be refused.
constexpr std::size_t shot_bytes = 4096;  // the page of the one machine on which it works
alignas(shot_bytes) char page[shot_bytes];
word_lock page_lock;

bool membarrier(int command) noexcept {
#ifdef SYS_membarrier
  return syscall(SYS_membarrier, command, 0, 0) == 0;
#else
  (void)command;
  errno = ENOSYS;
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
  errno = ENOSYS;
  if (!shoot_down_is_a_fence()) return false;
  word_guard guard(page_lock);
  gs_full_fence();
  if (mprotect(page, shot_bytes, PROT_READ | PROT_WRITE) != 0) return false;
  gs_store_relaxed(
      page, static_cast<char>(1));  // present and dirty, so that there is something to shoot down
  if (mprotect(page, shot_bytes, PROT_READ) != 0) return false;
  gs_full_fence();
  return true;
}

// The registration is per address space and could be missing in one made by a bare clone().
bool run_membarrier() noexcept { return membarrier(run_command) || register_membarrier(); }

bool try_hard(bool (*rung)() noexcept) noexcept {
  for (int left = tries; left != 0; --left) {
    if (rung()) return true;
    if (!passing(errno)) return false;
  }
  return false;
}

gs_fence choose() noexcept {
  const int wanted = gs_load_relaxed(&settings.fence);
  if (wanted == GS_FENCE_READER) return GS_FENCE_READER;
  if (wanted == GS_FENCE_MPROTECT) {
    if (try_hard(shoot_down)) return GS_FENCE_MPROTECT;
    report(GS_REPORT_BAD_CONFIG,
           "GRACESLAB_FENCE=mprotect: no fence on this machine, readers fence instead");
    return GS_FENCE_READER;
  }
  if (try_hard(register_membarrier)) return GS_FENCE_MEMBARRIER;
  if (wanted == GS_FENCE_MEMBARRIER)
    report(GS_REPORT_BAD_CONFIG,
           "GRACESLAB_FENCE=membarrier: refused by the system, readers fence instead");
  return GS_FENCE_READER;
}

int decided() noexcept {
  int first = gs_load_relaxed(&first_rung);
  if (GS_LIKELY(first != undecided)) return first;
  keep_errno keep;
  load_settings();
  const int chosen = choose();
  return gs_compare_exchange(&first_rung, &first, chosen) ? chosen : first;
}

bool carried_by(gs_fence rung) noexcept {
  if (gs_load_relaxed(&last_rung) != rung) gs_store_relaxed(&last_rung, static_cast<int>(rung));
  return rung != GS_FENCE_NONE;
}

void child() noexcept {
  page_lock.reset_in_child();
  if (decided() == GS_FENCE_MEMBARRIER) membarrier(register_command);
}

[[gnu::constructor(102)]] void start_fence() noexcept {
  on_fork({fork_rank_fence, [] { page_lock.lock(); }, [] { page_lock.unlock(); }, child});
  decided();
}

}  // namespace

gs_fence fence_mode() noexcept {
  const int last = gs_load_relaxed(&last_rung);
  return static_cast<gs_fence>(GS_LIKELY(last != undecided) ? last : decided());
}

std::uint64_t heavy_fences() noexcept { return gs_load_relaxed(&fences_asked); }

bool heavy_fence() noexcept {
  keep_errno keep;
  (void)gs_fetch_add_relaxed(&fences_asked, std::uint64_t{1});
  const int first = decided();
  if (first == GS_FENCE_READER) {
    gs_full_fence();
    return true;
  }
  gs_light_fence();
  if (busted(flaw::lying_fence)) return true;
  if (first == GS_FENCE_MEMBARRIER && try_hard(run_membarrier))
    return carried_by(GS_FENCE_MEMBARRIER);
  return carried_by(try_hard(shoot_down) ? GS_FENCE_MPROTECT : GS_FENCE_NONE);
}

void report_lost_fence() noexcept {
  if (GS_LIKELY(fence_mode() != GS_FENCE_NONE)) return;
  if (gs_load_relaxed(&lost_told) != 0 || gs_exchange(&lost_told, 1u) != 0) return;
  report(GS_REPORT_NO_FENCE,
         "membarrier and mprotect are refused: until one of them works again grace periods stand "
         "still, nothing is reclaimed, and waits go on");
}

bool readers_fence() noexcept { return decided() == GS_FENCE_READER; }

}  // namespace graceslab::os
