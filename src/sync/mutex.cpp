// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Ordering page: docs/ordering/mutex.md
#include "sync/mutex.hpp"

#include <graceslab/detail/atomic.h>

#include "base/format.hpp"
#include "os/exit.hpp"
#include "os/futex.hpp"
#include "os/hooks.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

namespace graceslab::sync {
namespace {

enum : std::uint32_t { free_word = 0, held = 1, contended = 2 };

// Critical sections are short: a holder that runs is done within a few hundred cycles, and going to
// sleep costs thousands. With one core the holder cannot run while we spin.
constexpr int spins_max = 60;

#if defined(GRACESLAB_CHECKS) || !defined(NDEBUG)
// The ranks that this thread holds, in the order of taking. Fork hooks hold everything at once: not
// counted.
constexpr unsigned held_max = 24 + 64;  // all depots of a cache, or the records of 64 caches
__thread std::uint16_t held_ranks[held_max] __attribute__((tls_model("initial-exec")));
__thread std::uint16_t held_count __attribute__((tls_model("initial-exec")));

// Several of one rank, in the order of their addresses.
bool may_be_several(rank r) noexcept { return r == rank::depot || r == rank::seize; }

// A handler that interrupted the library may have come at any rank.
void check_order(rank taken) noexcept {
  if (os::forking() || os::was_interrupted()) return;
  for (unsigned i = 0; i < held_count; ++i) {
    if (held_ranks[i] < static_cast<std::uint16_t>(taken)) continue;
    if (may_be_several(taken) && held_ranks[i] == static_cast<std::uint16_t>(taken)) continue;
    char why[96];
    base::writer out(why, sizeof why);
    out.add("lock of rank %u taken while one of rank %u is held", static_cast<unsigned>(taken),
            static_cast<unsigned>(held_ranks[i]));
    os::panic(why);
  }
}

void note_taken(rank taken) noexcept {
  if (os::forking()) return;
  if (held_count == held_max) os::panic("too many locks held by one thread");
  held_ranks[held_count++] = static_cast<std::uint16_t>(taken);
}

void note_dropped(rank dropped) noexcept {
  if (os::forking()) return;
  for (unsigned i = held_count; i-- > 0;) {
    if (held_ranks[i] != static_cast<std::uint16_t>(dropped)) continue;
    for (--held_count; i < held_count; ++i) held_ranks[i] = held_ranks[i + 1];
    return;
  }
  os::panic("unlock of a lock that this thread does not hold");
}
#else
void check_order(rank) noexcept {}
void note_taken(rank) noexcept {}
void note_dropped(rank) noexcept {}
#endif

bool take_free(std::uint32_t* word) noexcept {
  std::uint32_t expected = free_word;
  return gs_load_relaxed(word) == free_word &&
         gs_compare_exchange(word, &expected, std::uint32_t{held});
}

bool spin(std::uint32_t* word) noexcept {
  if (os::cores_online() == 1) return false;
  for (int i = 0; i < spins_max; ++i) {
    if (take_free(word)) return true;
    gs_cpu_relax();
  }
  return false;
}

}  // namespace

void mutex::lock() noexcept {
  check_order(rank_);
  os::enter_midway();
  // ORDER mutex.lock <-> mutex.unlock   (docs/ordering/mutex.md, claims 1 and 2)
  // Whoever takes the word reads the zero that the last holder stored, hence sees its critical
  // section. A sleeper takes the word as 2: it cannot know whether others sleep, and a needless
  // wake-up is cheap where a lost one hangs.
  if (!take_free(&word_) && !spin(&word_)) {
    os::short_wait wait("a lock", static_cast<unsigned>(rank_));
    while (gs_exchange_acquire(&word_, std::uint32_t{contended}) != free_word)
      wait.on(&word_, contended);
  }
  note_taken(rank_);
}

bool mutex::try_lock() noexcept {
  os::enter_midway();
  if (!take_free(&word_)) {
    os::leave_midway();
    return false;
  }
  note_taken(rank_);
  return true;
}

void mutex::unlock() noexcept {
  note_dropped(rank_);
  // ORDER mutex.unlock <-> mutex.lock   (docs/ordering/mutex.md, claims 1 and 2)
  // After the exchange the mutex may be taken, and its memory reused, by others: the wake-up uses
  // the address only.
  if (gs_exchange(&word_, std::uint32_t{free_word}) == contended) os::futex_wake(&word_, 1);
  os::leave_midway();
}

void mutex::reset_in_child() noexcept { gs_store_relaxed(&word_, std::uint32_t{free_word}); }

}  // namespace graceslab::sync
