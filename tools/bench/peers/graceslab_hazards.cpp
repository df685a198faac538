// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// graceslab: hazard pointers over one of its caches, alone and under Michael and Scott's queue.
#include <graceslab/cache.hpp>
#include <graceslab/hazard_pointer.hpp>

#include "hazards.hpp"
#include "smr_structures.hpp"

namespace {

using graceslab::bench::trial;

struct scheme : graceslab::bench::counted {
  struct object;
  struct to_its_cache {
    void operator()(object* o) const { cache->release(o); }
  };
  struct object : graceslab::hazard_pointer_obj_base<object, to_its_cache> {
    std::atomic<object*> next;
    std::uint64_t word;
    std::uint64_t rest[2];
  };
  static inline graceslab::cache<object>* cache = nullptr;

  static void begin(const trial&) { cache = new graceslab::cache<object>("bench"); }
  struct member {
    member() {}
  };
  struct outside {
    outside() {}
  };
  static void pass() {}
  static void settle() { graceslab::hazard_pointer_barrier(); }
  static object* get() { return cache->try_make(); }
  static void retire(object* o) { o->retire(); }

  class hazard {
   public:
    object* protect(const std::atomic<object*>& src) { return own_.protect(src); }
    void clear() { own_.reset_protection(); }

   private:
    graceslab::hazard_pointer own_ = graceslab::make_hazard_pointer();
  };
};
static_assert(sizeof(scheme::object) == 64);

class queue {
 public:
  queue() {
    scheme::object* o = scheme::get();
    o->next = nullptr;
    first_.at = last_.at = o;
  }
  void push(std::uint64_t word) {
    scheme::object* fresh = scheme::get();
    fresh->word = word;
    fresh->next = nullptr;
    scheme::hazard h;
    for (;;) {
      scheme::object* last = h.protect(last_.at);
      scheme::object* next = nullptr;
      const bool added = last->next.compare_exchange_strong(next, fresh);
      last_.at.compare_exchange_strong(last, added ? fresh : next);
      if (added) return;
    }
  }
  bool pop(std::uint64_t* word) {
    scheme::hazard h, k;
    for (;;) {
      scheme::object* first = h.protect(first_.at);
      scheme::object* last = last_.at;
      scheme::object* next = k.protect(first->next);
      if (first != first_.at) continue;  // else `next` may have been retired before
      if (next == nullptr) return false;
      if (first == last) last_.at.compare_exchange_strong(last, next);
      *word = next->word;
      if (!first_.at.compare_exchange_strong(first, next)) continue;
      h.clear();
      scheme::retire(first);
      return true;
    }
  }

 private:
  struct alignas(128) end {
    std::atomic<scheme::object*> at{nullptr};
  };
  end first_, last_;
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  into->workloads["hazard_protect"] = graceslab::bench::play_protect<scheme>;
  into->workloads["hazard_cycle"] = graceslab::bench::play_hazard_cycle<scheme>;
  into->workloads["queue"] = graceslab::bench::play_queue<scheme, queue>;
}
