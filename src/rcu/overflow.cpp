// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers that got no slot because memory ran out, and sections that no thread owns: counted, so
// that entering cannot fail.
// Page: docs/ordering/overflow-readers.md
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
#include "rcu/domain.hpp"
#include "rcu/readers.hpp"

namespace graceslab::rcu {
namespace {

struct section {
  gs_domain* domain;
  std::uint32_t nest;
  std::uint32_t counter;
};

constexpr std::uint64_t one_waiting = std::uint64_t{1} << 32;

// The default domain's and those of eight others; more share the untracked counter.
constexpr unsigned tracked = 9;
__thread section sections[tracked] __attribute__((tls_model("initial-exec")));
__thread std::uint32_t untracked_here
    __attribute__((tls_model("initial-exec")));  // this thread's, in all domains

section* find(const gs_domain* d) noexcept {
  for (section& s : sections)
    if (s.domain == d && s.nest != 0) return &s;
  return nullptr;
}

section* unused() noexcept {
  for (section& s : sections)
    if (s.nest == 0) return &s;
  return nullptr;
}

void count_in(gs_domain* d, unsigned counter) noexcept {
  // ORDER overflow.enter <-> overflow.scan   (docs/ordering/overflow-readers.md, claim 1)
  gs_fetch_add(&d->overflow.count[counter], std::uint64_t{1});
  gs_full_fence();
}

void count_out(gs_domain* d, unsigned counter) noexcept {
  // ORDER overflow.leave <-> overflow.scan   (docs/ordering/overflow-readers.md, claims 2 and 3)
  os::hand_over(&d->overflow);
  gs_fetch_sub(&d->overflow.count[counter], std::uint64_t{1});
}

// Never below zero, so that an unlock without a lock stays harmless.
bool count_out_if_in(gs_domain* d, unsigned counter) noexcept {
  os::hand_over(&d->overflow);
  std::uint64_t* count = &d->overflow.count[counter];
  std::uint64_t now = gs_load_relaxed(count);
  while (sections_in(now) != 0)
    // ORDER overflow.leave <-> overflow.scan   (docs/ordering/overflow-readers.md, claims 2 and 3)
    if (gs_compare_exchange(count, &now, now - 1)) return true;
  return false;
}

}  // namespace

void overflow_enter(gs_domain* d) noexcept {
  if (section* s = find(d)) {
    ++s->nest;
    return;
  }
  section* s = unused();
  if (!s) {
    ++untracked_here;
    return count_in(d, overflow_counts::untracked);
  }
  *s = {d, 1, gs_load_relaxed(&d->overflow.phase)};
  count_in(d, s->counter);
}

bool overflow_leave(gs_domain* d) noexcept {
  section* s = find(d);
  if (!s) return false;
  gs_light_fence();
  if (s->nest == 1) count_out(d, s->counter);
  --s->nest;
  return true;
}

bool overflow_leave_untracked(gs_domain* d) noexcept {
  if (untracked_here == 0 || !count_out_if_in(d, overflow_counts::untracked)) return false;
  --untracked_here;
  return true;
}

int token_enter(gs_domain* d) noexcept {
  const std::uint32_t phase = gs_load_relaxed(&d->overflow.phase);
  count_in(d, overflow_counts::tokens + phase);
  return static_cast<int>(phase);
}

bool token_leave(gs_domain* d, int token) noexcept {
  return (token == 0 || token == 1) &&
         count_out_if_in(d, overflow_counts::tokens + static_cast<unsigned>(token));
}

// With untracked sections the answer may be 1 for another thread's: waits then take the careful
// way.
std::uint32_t overflow_nesting(const gs_domain* d) noexcept {
  if (const section* s = find(d)) return s->nest;
  const std::uint64_t count = gs_load_relaxed(&d->overflow.count[overflow_counts::untracked]);
  return untracked_here != 0 && sections_in(count) != 0 ? 1 : 0;
}

bool overflow_tracked(const gs_domain* d) noexcept { return find(d) != nullptr; }

bool overflow_anywhere() noexcept {
  if (untracked_here != 0) return true;
  for (const section& s : sections)
    if (s.nest != 0) return true;
  return false;
}

int overflow_say_waiting(gs_domain* d) noexcept {
  gs_fetch_add_relaxed(&d->overflow.inside, 1u);
  if (overflow_nesting(d) == 0) return -1;
  const section* s = find(d);
  const unsigned counter = s ? s->counter : overflow_counts::untracked;
  gs_fetch_add(&d->overflow.count[counter], one_waiting);
  return static_cast<int>(counter);
}

void overflow_say_done(gs_domain* d, int counter) noexcept {
  std::uint32_t* inside = &d->overflow.inside;
  if (gs_load_relaxed(inside) != 0) gs_fetch_sub(inside, 1u);  // not so in a forked child
  if (counter >= 0) gs_fetch_sub(&d->overflow.count[counter], one_waiting);
}

namespace {

// One word, so that the sections and those of them that wait are of one moment.
bool is_empty(const std::uint64_t& counter, bool but_for_waiting) noexcept {
  // ORDER overflow.scan <-> overflow.enter  (docs/ordering/overflow-readers.md, claim 1)
  // ORDER overflow.scan <-> overflow.leave  (claims 2 and 3)
  const std::uint64_t count = gs_load_seq_cst(&counter);
  return sections_in(count) <= (but_for_waiting ? waiting_in(count) : 0);
}

// Looks until every number to `newest` is free, or a counter is left; steers new sections away from
// the last ones where it may.
void look(overflow_counts& o, overflow_look& l, std::uint64_t newest, bool but_for_waiting,
          bool may_steer) noexcept {
  constexpr std::uint32_t all = (1u << overflow_counts::counters) - 1;
  while (l.floor < newest) {
    if (l.unseen == 0) {
      l.target = newest;
      l.unseen = all;
    }
    for (unsigned i = 0; i < overflow_counts::counters; ++i)
      if ((l.unseen >> i & 1) != 0 && is_empty(o.count[i], but_for_waiting)) l.unseen &= ~(1u << i);
    if (l.unseen != 0) {
      const std::uint32_t chosen_now = 1u << o.phase | 1u << (overflow_counts::tokens + o.phase);
      if (may_steer && (l.unseen & ~chosen_now) == 0)
        gs_store_relaxed(&o.phase, 1 - o.phase);  // claim 4
      return;
    }
    l.floor = l.target;
  }
}

}  // namespace

// One hand steers: a grace period cannot end before those that wait inside their sections, so they
// do.
std::uint64_t overflow_floor(overflow_counts& o, std::uint64_t newest) noexcept {
  look(o, o.of_all, newest, false, gs_load_relaxed(&o.inside) == 0);
  return o.of_all.floor;
}

bool overflow_others_left(overflow_counts& o, std::uint64_t s, std::uint64_t newest) noexcept {
  if (o.of_others.floor < s) look(o, o.of_others, newest, true, true);
  return o.of_others.floor >= s;
}

void end_overflow_sections() noexcept {
  for (section& s : sections) {
    if (s.nest == 0) continue;
    os::report(GS_REPORT_THREAD_ENDED_IN_READER,
               "thread %u ended inside a read-side section of domain '%s' (nesting %u, no memory "
               "for a slot); "
               "the section was ended",
               os::tid(), domain_name(s.domain), s.nest);
    count_out(s.domain, s.counter);
    s.nest = 0;
  }
}

// Only this thread is left, and every token: whoever has one in the child may end it.
void overflow_after_fork_in_child(gs_domain* d) noexcept {
  for (unsigned i = 0; i != overflow_counts::untracked; ++i)
    gs_store_relaxed(&d->overflow.count[i], std::uint64_t{0});
  // Perhaps its own are in another domain.
  std::uint64_t* untracked = &d->overflow.count[overflow_counts::untracked];
  if (untracked_here < sections_in(*untracked)) *untracked = untracked_here;
  gs_store_relaxed(&d->overflow.inside, 0u);
  if (const section* s = find(d))
    gs_store_relaxed(&d->overflow.count[s->counter], std::uint64_t{1});
}

}  // namespace graceslab::rcu
