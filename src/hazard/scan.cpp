// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at the slots: one heavy fence for all that is retired.
//
// - State: gs_hazard_scanning is 1 from before the fence until the last slot was looked at.
//   `copied` has a bit for each object that was copied meanwhile, by the hash of its address;
//   others that share a bit stay until the next scan.
// - Lock: scan_lock, for both and for every object between its list and the callbacks.
#include <algorithm>

#include "base/hash.hpp"
#include "hazard/slots.hpp"
#include "os/busted.hpp"
#include "os/fence.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "rcu/barrier.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/queue.hpp"
#include "rcu/unproved.hpp"

uint32_t gs_hazard_scanning;

namespace graceslab::hazard {

constinit gs_domain deleters{nullptr};
constinit sync::mutex scan_lock{sync::rank::hazard_scan};

namespace {

constexpr unsigned copied_bits = 4096, word_bits = 64;
std::uint64_t copied[copied_bits / word_bits];

unsigned bit_of(const void* object) noexcept {
  return static_cast<unsigned>(base::mix(reinterpret_cast<std::uintptr_t>(object)) % copied_bits);
}

void begin_scan() noexcept {
  for (std::uint64_t& word : copied) gs_store_relaxed(&word, std::uint64_t{0});
  gs_store_relaxed(&gs_hazard_scanning, 1u);
}
void end_scan() noexcept { gs_store_relaxed(&gs_hazard_scanning, 0u); }

bool was_copied(const void* object) noexcept {
  const unsigned bit = bit_of(object);
  return (gs_load_relaxed(&copied[bit / word_bits]) >> bit % word_bits & 1) != 0;
}

// Some of what the slots name, sorted.
struct named {
  static constexpr unsigned room = 256;
  const void* object[room];
  unsigned count = 0;

  void sort() noexcept { std::sort(object, object + count); }
  bool has(const void* wanted) const noexcept {
    return std::binary_search(object, object + count, wanted);
  }
};

bool is_skipped(const gs_hazard_slot& slot) noexcept {
  constexpr unsigned skips = 4;
  return os::busted(os::flaw::hazard_skips_slots) &&
         reinterpret_cast<std::uintptr_t>(&slot) / sizeof slot % skips == 0;
}

struct sorting {
  list rest[rcu::shards_max];  // nobody was seen protecting these yet
  list kept[rcu::shards_max];
  named some;
  unsigned slots = 0;
  unsigned noted = 0;  // kept for a note alone, perhaps another one's

  void take() noexcept {
    for (unsigned i = 0; i != rcu::shards_max; ++i) {
      sync::lock_guard guard(shards[i].lock);
      rest[i] = shards[i].retired;
      shards[i].retired = {};
    }
  }
  template <class Is>
  unsigned keep(Is is) noexcept {
    unsigned found = 0;
    for (unsigned i = 0; i != rcu::shards_max; ++i)
      for (std::uint64_t n = rest[i].count; n != 0; --n) {
        gs_hazard_head* h = take_first(rest[i]);
        const bool keeps = is(h);
        found += keeps;
        append(keeps ? kept[i] : rest[i], h);
      }
    return found;
  }
  void keep_named() noexcept {
    some.sort();
    (void)keep([this](const gs_hazard_head* h) { return some.has(h); });
    some.count = 0;
  }
  void look() noexcept {
    for_each_slot([this](const gs_hazard_slot& slot) {
      slots += gs_load_relaxed(&slot.in_use) != 0;
      const void* pointer = look_at(slot);
      if (!pointer || is_skipped(slot)) return;
      some.object[some.count++] = pointer;
      if (some.count == named::room) keep_named();
    });
    keep_named();
    noted = keep(was_copied);
  }
  void keep_all() noexcept {
    (void)keep([](const gs_hazard_head*) { return true; });
  }
  unsigned hand_in() noexcept {
    unsigned n = 0;
    for (list& l : rest)
      while (gs_hazard_head* h = take_first(l)) {
        rcu::hand_in(&deleters, {&h->head, h->func, h->owner});
        ++n;
      }
    return n;
  }
  // What came meanwhile is younger.
  void put_back() noexcept {
    for (unsigned i = 0; i != rcu::shards_max; ++i) {
      sync::lock_guard guard(shards[i].lock);
      list& l = shards[i].retired;
      shards[i].limit = kept[i].count + limit_least + slots / 4;
      while (gs_hazard_head* h = take_first(l)) append(kept[i], h);
      l = kept[i];
    }
  }
};

struct outcome {
  bool fenced = true;
  unsigned noted = 0;
  unsigned handed_in = 0;
};

outcome scan_locked() noexcept {
  sorting s;
  s.take();
  begin_scan();
  outcome o;
  o.fenced = os::heavy_fence();
  if (o.fenced)
    s.look();
  else
    s.keep_all();
  end_scan();
  o.noted = s.noted;
  o.handed_in = s.hand_in();
  s.put_back();
  return o;
}

// Under the lock from the first look at the lists: what another scan has in hand is in none.
outcome scan_and_run() noexcept {
  outcome o;
  {
    sync::lock_guard turn(scan_lock);
    if (any_retired()) o = scan_locked();
  }
  if (!o.fenced) os::report_lost_fence();
  if (o.handed_in == 0) return o;
  // As many again of those that others handed in, so that theirs do not pile up behind slow
  // workers.
  rcu::end_handing_in(&deleters);
  if (rcu::may_wait() && !rcu::left_to_workers()) rcu::run_handed_in(&deleters, 2 * o.handed_in);
  return o;
}

// A forked child goes on with the other one: it cannot know whether a thread that is not there was
// about to run this one's.
struct poller {
  rcu_head head;        // first
  std::uint32_t armed;  // 1: queued
};
poller pollers[2];
unsigned current;  // changes in a forked child

void poll(rcu_head* head) {
  gs_store_relaxed(&reinterpret_cast<poller*>(head)->armed, 0u);
  (void)scan();
  if (any_retired()) arm_poll();
}

}  // namespace

bool scan() noexcept { return scan_and_run().fenced; }

// Whoever retires pushes under a lock that a scan takes after the poll is no longer armed.
void arm_poll() noexcept {
  poller& p = pollers[current];
  if (gs_load_relaxed(&p.armed) == 0 && gs_exchange(&p.armed, 1u) == 0)
    rcu::call({0, &deleters}, &p.head, poll, nullptr);
}

void poll_after_fork_in_child() noexcept {
  if (pollers[current].armed != 0) current ^= 1;
}

bool any_retired() noexcept {
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    if (s.retired.count != 0) return true;
  }
  return false;
}

bool unprotected(const gs_hazard_head* h) noexcept {
  bool found = false, fenced;
  {
    sync::lock_guard turn(scan_lock);
    begin_scan();
    fenced = os::heavy_fence();
    for_each_slot([h, &found](const gs_hazard_slot& s) { found |= look_at(s) == h; });
    end_scan();
    found |= was_copied(h);
  }
  if (!fenced) os::report_lost_fence();
  return fenced && !found;
}

bool deleting() noexcept { return rcu::in_callback_of(&deleters); }

// What was kept for a note alone may be protected by nobody: the next scan, with notes of its own,
// decides.
void barrier() noexcept {
  rcu::unproved_watch watch(&deleters);
  for (rcu::backoff pace(rcu::effort::normal);;) {
    const outcome o = scan_and_run();
    if (o.fenced && o.noted == 0) break;
    if (pace.step() && watch.lost()) watch.say_when_due();
  }
  rcu::barrier(&deleters);
}

}  // namespace graceslab::hazard

// ORDER hazard.note <-> hazard.scan   (docs/ordering/hazard-pointers.md, claim 4)
// Before its caller clears the other slot, which the scan finds empty only if it finds this.
void gs_hazard_note_copy(const void* object) {
  using namespace graceslab::hazard;
  const unsigned bit = bit_of(object);
  gs_fetch_or(&copied[bit / word_bits], std::uint64_t{1} << bit % word_bits);
}
