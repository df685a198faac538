// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claims 5, 13, 15 and 16
#include "rcu/grant.hpp"

#include <algorithm>

#include "os/busted.hpp"
#include "os/sanitizer.hpp"
#include "rcu/domain.hpp"
#include "rcu/watch.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned grant_max = 31;  // with the claimed one, a run of 32
constexpr unsigned ahead = 4;       // heads that are fetched while others run

// The word of a grant: how many were given, and how many of them are not begun.
constexpr unsigned given_shift = 16;
constexpr std::uint32_t word_of(unsigned given) noexcept { return given << given_shift | given; }
constexpr std::uint32_t given_of(std::uint32_t word) noexcept { return word >> given_shift; }
constexpr std::uint32_t left_of(std::uint32_t word) noexcept {
  return word & ((1u << given_shift) - 1);
}
constexpr std::uint32_t begun_of(std::uint32_t word) noexcept {
  return given_of(word) - left_of(word);
}

void fetch(const entry& e) noexcept { __builtin_prefetch(gs_load_relaxed(&e.head), 1); }

}  // namespace

void grant(shard& s, runner& r, unsigned most) noexcept {
  batch& b = *r.from;
  if (b.linked || b.holed) return;
  const unsigned n = std::min({most, grant_max, b.count - b.cursor});
  if (n == 0) return;
  r.upcoming = &b.entries()[b.cursor];
  for (unsigned i = 0; i < n && i < ahead; ++i) fetch(r.upcoming[i]);
  gs_store_relaxed(&r.grant, word_of(n));
  s.granted = &r;
}

void recall(shard& s) noexcept {
  runner* r = s.granted;
  if (!r) return;
  s.granted = nullptr;
  // ORDER callbacks.recall <-> callbacks.begin   (docs/ordering/callbacks.md, claim 15)
  const std::uint32_t begun = begun_of(gs_exchange_acquire(&r->grant, 0u));
  batch& b = *r->from;
  b.cursor += begun;
  b.taken += begun;
  b.done += begun;  // the claimed one and all begun but the last have returned
  count_begun(s, begun);
  count_finished(s, begun);
}

void recall_all(gs_domain* d) noexcept {
  for (shard& s : d->shards) {
    sync::lock_guard guard(s.lock);
    recall(s);
  }
}

void recall_where_free(gs_domain* d) noexcept {
  for (shard& s : d->shards) {
    if (!s.lock.try_lock()) continue;
    recall(s);
    s.lock.unlock();
  }
}

void show(runner& r, const entry& e) noexcept {
  gs_store_relaxed(&r.since_ms, std::uint64_t{0});
  // ORDER callbacks.returned <-> callbacks.look   (docs/ordering/callbacks.md, claim 16)
  // Each on its own may be what tells that the callback before has returned.
  gs_store_release(&r.owner, e.owner);
  gs_store_release(&r.head, static_cast<const void*>(e.head));
  // ORDER stuck.begin <-> stuck.look   (docs/ordering/callbacks.md, claim 13)
  gs_store_release(&r.func, reinterpret_cast<const void*>(e.func));
  note_invocation(r);
}

beginning begin_next(runner& r, entry* out) noexcept {
  if (!r.upcoming) return beginning::ended;
  std::uint32_t word = gs_load_relaxed(&r.grant);
  if (word == 0) return beginning::recalled;
  const std::uint32_t left = left_of(word);
  if (left == 0) return beginning::ended;
  // Perhaps it is queued again and not ours by now: its array stays as long as we have not
  // finished.
  const entry& e = *r.upcoming++;
  if (left > ahead) fetch(r.upcoming[ahead - 1]);
  *out = {gs_load_relaxed(&e.head), e.func, e.owner};
  show(r, *out);
  os::open_window();
  // ORDER callbacks.begin <-> callbacks.recall   (docs/ordering/callbacks.md, claim 15)
  return gs_compare_exchange(&r.grant, &word, word - 1) ? beginning::begun : beginning::recalled;
}

std::uint32_t uncounted(const runner& r) noexcept { return begun_of(gs_load_relaxed(&r.grant)); }

}  // namespace graceslab::rcu
