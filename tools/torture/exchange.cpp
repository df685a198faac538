// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exchange.hpp"

#include <graceslab/kernel/rcupdate.h>

#include "in_the_act.hpp"
#include "phases.hpp"
#include "rendezvous.hpp"

namespace graceslab::torture {
namespace {

struct posted {  // in the memory of an item that a callback frees
  rcu_head head;
  exchange* home;
};
static_assert(sizeof(posted) <= sizeof(item));

std::uint64_t check_word(const item* i, unsigned n) {
  return mix(reinterpret_cast<std::uintptr_t>(i) ^ i->token << 8 ^ n);
}
void fill(item* i, std::uint64_t token) {
  i->token = token;
  for (unsigned n = 0; n != 5; ++n) i->check[n] = check_word(i, n);
}
bool intact(const item* i) {
  for (unsigned n = 0; n != 5; ++n)
    if (i->check[n] != check_word(i, n)) return false;
  return true;
}
void add(std::uint64_t* counter) { gs_fetch_add_relaxed(counter, std::uint64_t{1}); }

}  // namespace

exchange::exchange(const char* name) : items(name) {}

exchange::~exchange() {
  for (item* i : slot_)
    if (i != nullptr) items.release(i);
}

void exchange::come_home(rcu_head* head) {
  auto* p = reinterpret_cast<posted*>(head);
  exchange& x = *p->home;
  x.items.release(reinterpret_cast<item*>(p));
  add(&x.released_);
}

void exchange::let_go(worker& w, item* old, unsigned how) {
  if (how < 4) {
    items.release(old);
    add(&released_);
  } else if (how < 7) {
    items.retire(old);
    add(&retired_);
  } else if (how < 8) {  // it stays readable until our section ends
    rcu_reader section;
    items.retire(old);
    add(&retired_);
    w.pause();
    if (!intact(old))
      w.all.fail(trouble::reused, "{}: a retired object changed inside a section", w.name());
  } else {
    auto* p = ::new (static_cast<void*>(old)) posted{{}, this};
    call_rcu(&p->head, come_home);
  }
}

void exchange::swap(worker& w, random_source& random) {
  item* fresh = items.try_make();
  if (fresh == nullptr) return w.all.fail(trouble::result, "{}: no memory", w.name());
  add(&made_);
  fill(fresh, gs_fetch_add_relaxed(&tokens_, std::uint64_t{1}) + 1);
  unsigned slot = random.below(slots);
  unsigned draw = random.below(64);
  unsigned how = draw == 63 ? 8 : draw == 62 ? 7 : draw % 7;
  if (!intact(fresh)) w.all.fail(trouble::damaged, "{}: an object was handed out twice", w.name());
  item* old = gs_exchange(&slot_[slot], fresh);
  if (old == nullptr) return;
  if (!intact(old)) {
    w.all.fail(trouble::damaged, "{}: object {} is not as its maker left it", w.name(),
               static_cast<void*>(old));
    return;
  }
  let_go(w, old, how);
}

void exchange::juggle(worker& w, unsigned times) {
  constexpr unsigned in_hand = 8, retired = 2;
  std::uint64_t token = gs_fetch_add_relaxed(&tokens_, std::uint64_t{1}) << 32;
  for (unsigned n = 0; n != times && !w.all.failed(); ++n) {
    item* held[in_hand];
    for (item*& i : held) {
      i = items.try_make();
      if (i == nullptr) return w.all.fail(trouble::result, "{}: no memory", w.name());
      i->token = ++token;
    }
    for (unsigned k = 0; k != in_hand; ++k)
      if (held[k]->token != token - (in_hand - 1) + k)
        return w.all.fail(trouble::damaged, "{}: an object is in two hands", w.name());
    for (unsigned k = 0; k != in_hand; ++k)
      k < retired ? items.retire(held[k]) : items.release(held[k]);
    gs_fetch_add_relaxed(&made_, std::uint64_t{in_hand});
    gs_fetch_add_relaxed(&retired_, std::uint64_t{retired});
    gs_fetch_add_relaxed(&released_, std::uint64_t{in_hand - retired});
  }
}

void exchange::compare_counts(worker& w, const char* place) {
  rcu_barrier();
  if (items.barrier() != errc::ok) w.all.fail(trouble::result, "{}: a barrier was refused", place);
  cache_stats s = stats(items);
  std::uint64_t live =
      gs_load_relaxed(&made_) - gs_load_relaxed(&released_) - gs_load_relaxed(&retired_);
  if (s.live != live || s.retired != gs_load_relaxed(&retired_) || s.reclaimed != s.retired)
    w.all.fail(trouble::count, "{}: live {} (ours {}), retired {} (ours {}), reclaimed {}", place,
               s.live, live, s.retired, gs_load_relaxed(&retired_), s.reclaimed);
  std::uint64_t places = s.parked + s.free_in_slabs + s.live + s.leaked;
  if (s.carved != places || s.leaked != 0)
    w.all.fail(trouble::count, "{}: {} objects exist, {} have a place; {} leaked", place, s.carved,
               places, s.leaked);
}

namespace {

constexpr unsigned swappers = 3;

class exchange_phase : public phase {
 public:
  explicit exchange_phase(session& s)
      : table_("torture.exchange"),
        caught_(gs_cache_id(table_.items.native_handle())),
        group_(s, swappers + 1) {
    for (unsigned i = 0; i != swappers; ++i)
      s.add_worker("swapper", [this, offered = false](worker& w) mutable {
        if (!offered) caught_.offer();
        offered = true;
        return swap(w);
      });
    s.add_worker("meddler", [this](worker& w) { return meddle(w); });
  }

 private:
  bool swap(worker& w) {
    unsigned n = 1 + w.plan.below(20'000);
    if (w.plan.one_in(2)) {
      w.doing("swapping");
      for (unsigned i = 0; i != n && !w.all.failed(); ++i) table_.swap(w, w.noise);
      if (!w.all.failed()) w.count("swaps", n);
    } else {
      w.doing("juggling");
      table_.juggle(w, n);
    }
    gs_fetch_add(&done_, 1u);
    w.doing("meeting");
    group_.meet();
    return group_.next_round();
  }

  // Seizes the arrays while their owners push and pop, then counts when they rest.
  bool meddle(worker& w) {
    while (gs_load_acquire(&done_) != swappers && !w.all.failed()) {
      meddle_once(w, w.noise.below(8));
      w.count("seizures");
      if (w.noise.one_in(16)) seize_in_the_act(w);
    }
    w.doing("meeting");
    group_.meet();
    gs_store_relaxed(&done_, 0u);
    w.doing("comparing counts");
    if (!w.all.failed()) table_.compare_counts(w, "exchange");
    return group_.next_round();
  }

  void meddle_once(worker& w, unsigned how) {
    if (how < 3) {
      w.doing("shrink");
      (void)table_.items.shrink();
    } else if (how == 3) {
      w.doing("validate");
      int damaged = gs_cache_validate(table_.items.native_handle());
      if (damaged != 0) w.all.fail(trouble::damaged, "{} objects failed validation", damaged);
    } else if (how < 6) {
      w.doing("the barrier of one cache");
      (void)table_.items.barrier();
    } else {
      w.doing("reading counts");
      cache_stats s = stats(table_.items);
      if (s.reclaimed > s.retired)
        w.all.fail(trouble::count, "{} reclaimed of {} retired", s.reclaimed, s.retired);
    }
  }

  // The arrays of a thread that stands in the middle of a pop or push: whoever seizes them waits.
  void seize_in_the_act(worker& w) {
    w.doing("stopping a thread inside its arrays");
    if (!caught_.stop(w.noise.below(swappers))) return;
    w.doing("seizing from a thread inside its arrays");
    (void)table_.items.shrink();
    if (caught_.let_go())
      w.all.fail(trouble::damaged, "arrays were seized while their owner stood inside them");
    w.count("seizures in the act");
  }

  exchange table_;
  in_the_act caught_;
  rendezvous group_;
  std::uint32_t done_ = 0;  // atomic: swappers that have swapped their share
};

}  // namespace

std::unique_ptr<phase> make_exchange(session& s) { return std::make_unique<exchange_phase>(s); }

}  // namespace graceslab::torture
