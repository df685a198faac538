// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Hazard pointers: readers hold elements behind slow stores and across many copies, while somebody
// does nothing but unlink, retire and wait; objects of a cache are replaced as fast as can be, and
// no more of them may wait than is promised; and caches are destroyed under a protector.
#include <graceslab/kernel/slab.h>
#include <sched.h>

#include <array>
#include <atomic>
#include <bit>
#include <graceslab/hazard_pointer.hpp>

#include "phases.hpp"
#include "slow_stores.hpp"

namespace graceslab::torture {
namespace {

struct element;
struct mark_gone {
  void operator()(element* e) const;
};
struct element : hazard_pointer_obj_base<element, mark_gone> {
  std::uint32_t gone = 0;     // atomic: it may be used again
  std::uint32_t waiting = 0;  // atomic: retired, and its deleter has not run
};
void mark_gone::operator()(element* e) const {
  gs_store_relaxed(&e->gone, 1u);
  gs_store_release(&e->waiting, 0u);
}

constexpr std::uint64_t alive = 0x616c697665u;
struct object;
struct count_and_free {
  std::atomic<long>* waiting = nullptr;
  void operator()(object* o) const;
};
struct object : hazard_pointer_obj_base<object, count_and_free> {
  std::uint64_t state = alive;  // atomic
};
void count_and_free::operator()(object* o) const {
  gs_store_relaxed(&o->state, std::uint64_t{0});
  --*waiting;
  kfree(o);
}

class hazards_phase : public phase {
 public:
  explicit hazards_phase(session& s) : cache_(make_cache("torture.hazards")) {
    for (auto& source : sources_) source = make(cache_);
    for (int i = 0; i != 2; ++i)
      s.add_worker("holder",
                   [this, own = std::make_shared<holding>()](worker& w) { return hold(w, *own); });
    s.add_worker("hazard unlinker", [this](worker& w) { return unlink(w); });
    for (unsigned i = 0; i != retirers; ++i)
      s.add_worker("hazard retirer", [this](worker& w) { return replace(w); });
    for (int i = 0; i != 2; ++i)
      s.add_worker("hazard reader", [this](worker& w) { return look(w); });
    s.add_worker("hazard destroyer", [this](worker& w) { return destroy(w); });
  }
  ~hazards_phase() override {
    for (auto& source : sources_) retire(source.exchange(nullptr));
    hazard_pointer_barrier();
    (void)kmem_cache_destroy_wait(cache_);
  }

 private:
  static constexpr unsigned looks = 100, holds = 200, unlinks = 100;
  static constexpr unsigned copies = 2000, copying_holds = 20;  // longer than a scan takes
  static constexpr unsigned retirers = 2, spread = 40;

  // ---- elements ----

  // Two hazard pointers that a scan looks at far apart.
  struct holding {
    holding() {
      for (auto& h : all) h = make_hazard_pointer();
    }
    std::array<hazard_pointer, spread> all;
    slow_stores delay_stores;
    hazard_pointer& first() { return all.front(); }
    hazard_pointer& second() { return all.back(); }
  };

  bool hold(worker& w, holding& own) {
    w.doing("holding elements");
    const bool copying = w.plan.one_in(2);
    std::uint64_t too_late = 0;
    for (unsigned i = copying ? copying_holds : holds; i != 0; --i) {
      if (!copying) own.delay_stores();
      const element* e = own.first().protect(current_);
      for (unsigned k = 0; k != (copying ? copies : looks); ++k) {
        too_late += gs_load_relaxed(&e->gone);
        copying ? copy(e, own) : gs_cpu_relax();
      }
      own.first().reset_protection();
    }
    w.count("elements held", copying ? copying_holds : holds);
    if (too_late != 0)
      w.all.fail(trouble::early, "{} looks at elements that had ended under a hazard pointer",
                 too_late);
    return w.all.more(w);
  }
  static void copy(const element* e, holding& own) {
    own.second().reset_protection(e);
    own.first().reset_protection();
    swap(own.all.front(), own.all.back());
  }

  // The elements take turns; each is used again when its deleter has run.
  bool unlink(worker& w) {
    w.doing("unlinking elements");
    for (unsigned i = 0; i != unlinks; ++i) {
      do next_ = (next_ + 1) % elements_.size();
      while (gs_load_acquire(&elements_[next_].waiting) != 0 || &elements_[next_] == current_);
      element* fresh = &elements_[next_];
      gs_store_relaxed(&fresh->gone, 0u);
      element* old = current_.exchange(fresh);
      gs_store_relaxed(&old->waiting, 1u);
      old->retire();
      hazard_pointer_barrier();
    }
    w.count("elements unlinked", unlinks);
    return w.all.more(w);
  }

  // ---- objects of a cache ----

  static kmem_cache* make_cache(const char* name) {
    kmem_cache* s = kmem_cache_create(name, sizeof(object), alignof(object), 0, nullptr);
    if (s == nullptr) throw std::bad_alloc();
    return s;
  }
  static object* make(kmem_cache* s) {
    void* place = kmem_cache_alloc(s, GFP_KERNEL);
    return place == nullptr ? nullptr : ::new (place) object;
  }
  void retire(object* o) {
    if (o == nullptr) return;
    ++waiting_;
    o->retire({&waiting_});
  }

  // docs/ordering/hazard-pointers.md, claim 7; then what is handed in, of which a scan's caller
  // runs twice what it found, and what workers have in hand.
  static long most_waiting() {
    constexpr long slots = 2 * spread + 64;
    const long lists = std::bit_ceil(std::min(std::thread::hardware_concurrency(), 16u));
    return 4 * (3 * slots + 2 * lists * (64 + slots / 4) + 2 * (retirers + 4));
  }

  bool replace(worker& w) {
    w.doing("retiring under hazard pointers");
    for (unsigned n = w.plan.below(400); n != 0; --n) {
      object* fresh = make(cache_);
      if (fresh == nullptr) continue;
      object* old = sources_[w.plan.below(sources)].exchange(fresh);
      {
        keeps_errno kept(w.all, "retire");
        retire(old);
      }
      if (const long now = waiting_; now > most_waiting())
        w.all.fail(trouble::bound, "{} objects wait for hazard pointers, {} may", now,
                   most_waiting());
    }
    w.count("objects retired under hazard pointers");
    w.pause();
    return w.all.more(w);
  }

  bool look(worker& w) {
    w.doing("protecting objects");
    hazard_pointer a = make_hazard_pointer(), b = make_hazard_pointer();
    for (unsigned n = 1 + w.plan.below(64); n != 0; --n) {
      const object* o = a.protect(sources_[w.noise.below(sources)]);
      if (w.noise.one_in(8)) w.pause();
      check(w, o);
      b.reset_protection(o);
      a = make_hazard_pointer();
      check(w, o);
      if (w.noise.one_in(2)) swap(a, b);
    }
    w.count("objects protected");
    return w.all.more(w);
  }
  void check(worker& w, const object* o) {
    if (o != nullptr && gs_load_relaxed(&o->state) != alive)
      w.all.fail(trouble::reused, "an object ended under the hazard pointer that protects it");
  }

  // ---- caches ----

  bool destroy(worker& w) {
    kmem_cache* s = make_cache("torture.hazard");
    if (object* o = make(s); o == nullptr)
      (void)kmem_cache_destroy_wait(s);
    else if (w.plan.one_in(4))
      destroy_own(w, s, o);
    else
      destroy_protected(w, s, o);
    w.count("caches destroyed under a protector");
    w.pause();
    return w.all.more(w);
  }

  // It waits for the protector of another thread.
  static void destroy_protected(worker& w, kmem_cache* s, object* o) {
    std::atomic<long> waiting{1};
    std::atomic<bool> there{false}, leaving{false};
    std::thread protector([&, seed = w.noise.next()] {
      worker other(w.all, "protector", 0, seed);
      hazard_pointer h = make_hazard_pointer();
      h.reset_protection(o);
      there = true;
      other.pause();
      leaving = true;
    });
    w.doing("waiting for a protector");
    while (!there) sched_yield();
    o->retire({&waiting});
    w.doing("destroying a cache under a protector");
    const int result = kmem_cache_destroy_wait(s);
    if (result != 0 || !leaving || waiting != 0)
      w.all.fail(trouble::result, "a destroy under a protector: {}, {}, {} waiting", result,
                 leaving ? "after it" : "before it", waiting.load());
    protector.join();
  }
  // It does not wait for this thread's, and says so.
  static void destroy_own(worker& w, kmem_cache* s, object* o) {
    std::atomic<long> waiting{1};
    hazard_pointer h = make_hazard_pointer();
    h.reset_protection(o);
    o->retire({&waiting});
    {
      w.doing("destroying a cache that this thread protects");
      expect_report stall(GS_REPORT_STALL);
      const int result = kmem_cache_destroy_wait(s);
      if (result == 0 || waiting != 1 || stall.seen() == 0)
        w.all.fail(trouble::result, "a destroy under its own protection: {}, {} reports", result,
                   stall.seen());
    }
    h = hazard_pointer();
    w.doing("waiting for what this thread protected");
    hazard_pointer_barrier();
    if (waiting != 0) w.all.fail(trouble::barrier, "an object outlived its last protector");
  }

  std::array<element, 16> elements_;
  std::atomic<element*> current_{&elements_[0]};
  std::size_t next_ = 0;  // the unlinker's

  static constexpr unsigned sources = 16;
  kmem_cache* cache_;
  std::atomic<long> waiting_{0};
  std::array<std::atomic<object*>, sources> sources_{};
};

}  // namespace

std::unique_ptr<phase> make_hazards(session& s) { return std::make_unique<hazards_phase>(s); }

}  // namespace graceslab::torture
