// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at the slots: one heavy fence for all that is retired.
//
// - State: gs_hazard_scanning is 1 from before the fence until the last slot was looked at.
//   `copied` has a bit for each object that was copied meanwhile, by the hash of its address with
//   the scan's own salt; others that share a bit stay until the next scan.
// - Lock: scan_lock, for both and for every object between its list and the callbacks.
#include <algorithm>

#include "base/by_address.hpp"
#include "base/hash.hpp"
#include "hazard/slots.hpp"
#include "os/busted.hpp"
#include "os/fence.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"
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
std::uint64_t salt;  // changes with each scan, so that no two objects share a bit for long

unsigned bit_of(const void* object) noexcept {
  const std::uint64_t salted = reinterpret_cast<std::uintptr_t>(object) ^ gs_load_relaxed(&salt);
  return static_cast<unsigned>(base::mix(salted) % copied_bits);
}

void begin_scan() noexcept {
  gs_store_relaxed(&salt, base::mix(salt + 1));
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

  void sort() noexcept { std::sort(object, object + count, base::by_address{}); }
  bool has(const void* wanted) const noexcept {
    return std::binary_search(object, object + count, wanted, base::by_address{});
  }
};

bool is_skipped(const gs_hazard_slot& slot) noexcept {
  constexpr unsigned skips = 4;
  return os::busted(os::flaw::hazard_skips_slots) &&
         reinterpret_cast<std::uintptr_t>(&slot) / sizeof slot % skips == 0;
}

struct sorting {
  list rest[rcu::shards_max + 1];  // nobody was seen protecting these yet
  list kept[rcu::shards_max + 1];
  named some;
  unsigned slots = 0;
  unsigned noted = 0;  // kept for a note alone, perhaps another one's

  void take() noexcept {
    for (unsigned i = 0; i <= aside; ++i) {
      sync::lock_guard guard(shards[i].lock);
      rest[i] = shards[i].retired;
      shards[i].retired = {};
    }
  }
  template <class Is>
  unsigned keep(Is is) noexcept {
    unsigned found = 0;
    for (unsigned i = 0; i <= aside; ++i)
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
  bool put_back() noexcept {
    bool any = false;
    for (unsigned i = 0; i <= aside; ++i) {
      sync::lock_guard guard(shards[i].lock);
      list& l = shards[i].retired;
      any |= kept[i].count != 0;
      shards[i].limit = kept[i].count + limit_least + slots / 4;
      while (gs_hazard_head* h = take_first(l)) append(kept[i], h);
      l = kept[i];
    }
    return any;
  }
};

struct outcome {
  bool fenced = true;
  bool kept = false;
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
  o.kept = s.put_back();
  return o;
}

// Under the lock from the first look at the lists: what another scan has in hand is in none. Whose
// poll found nothing meanwhile is armed no more: what stays arms it again.
outcome scan_once() noexcept {
  outcome o;
  {
    sync::lock_guard turn(scan_lock);
    if (any_retired()) o = scan_locked();
  }
  if (!o.fenced) os::report_lost_fence();
  if (o.handed_in != 0) rcu::end_handing_in(&deleters);
  if (o.kept) arm_poll();
  return o;
}

struct poller {
  rcu_head head;
  std::uint32_t armed;  // 1: queued
};
poller the_poller;

void poll(rcu_head*) {
  gs_store_relaxed(&the_poller.armed, 0u);
  (void)scan_once();
  if (any_retired()) arm_poll();
}

}  // namespace

bool scan() noexcept { return scan_once().fenced; }

// More than one list's worth: what a worker handed in may pile up behind a slow one, also when it
// left nothing for us to find.
void scan_and_help() noexcept {
  const outcome o = scan_once();
  if (rcu::may_wait() && !rcu::left_to_workers())
    rcu::run_handed_in(&deleters, 2 * std::max(o.handed_in, unsigned{limit_least}));
}

// Whoever retires pushes under a lock that a scan takes after the poll is no longer armed.
void arm_poll() noexcept {
  poller& p = the_poller;
  if (gs_load_relaxed(&p.armed) != 0) return;
  os::midway_scope half_armed;  // no fork in a handler that comes between the two
  if (gs_exchange(&p.armed, 1u) == 0) rcu::call({0, &deleters}, &p.head, poll, &p);
}

// Nobody but this thread is here, and it is not inside the poll, which runs no code of a user: what
// is not queued any more was in the hands of another. The next who retires or scans arms it.
void disarm_poll_in_child() noexcept {
  poller& p = the_poller;
  (void)rcu::withdraw(&deleters, &p);
  if (rcu::is_linked(&p.head)) return;
  rcu::unmark(&p.head);
  p.armed = 0;
}

bool any_retired() noexcept {
  for (shard& s : shards) {
    sync::lock_guard guard(s.lock);
    if (s.retired.count != 0) return true;
  }
  return false;
}

// Its caller scans at once, which arms the poll if another scan or poll missed what was on the way.
void set_aside() noexcept {
  sync::lock_guard turn(scan_lock);
  list all;
  for (unsigned i = 0; i != aside; ++i) {
    sync::lock_guard guard(shards[i].lock);
    while (gs_hazard_head* h = take_first(shards[i].retired)) append(all, h);
  }
  sync::lock_guard guard(shards[aside].lock);
  while (gs_hazard_head* h = take_first(all)) append(shards[aside].retired, h);
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
// decides. One that every scan finds noted is copied all the time, and so protected.
void barrier() noexcept {
  if (rcu::in_any_reader())
    return rcu::report_here(GS_REPORT_BARRIER_IN_READER,
                            "hazard_pointer_barrier inside a read-side section (thread %u): it "
                            "returns without having waited",
                            os::tid());
  constexpr unsigned scans_most = 16;
  rcu::unproved_watch watch(&deleters);
  rcu::backoff pace(rcu::effort::normal);
  for (unsigned scans = 0; scans != scans_most;) {
    const outcome o = scan_once();
    if (o.fenced && o.noted == 0) break;
    scans += o.fenced;
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
