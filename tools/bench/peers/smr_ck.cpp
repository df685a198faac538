// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Concurrency Kit's epochs over malloc. Its records are polled after every 64 calls, and waits give
// the core away: on few cores its own spinning would wait for threads that cannot run.
extern "C" {
#include <ck_epoch.h>
}

#include <cstdlib>

#include "smr_all.hpp"

namespace {

using graceslab::bench::node;

struct scheme : graceslab::bench::counted {
  static inline ck_epoch_t epoch;
  static inline thread_local ck_epoch_record_t* record = nullptr;
  static inline thread_local unsigned calls = 0;

  static void begin(const graceslab::bench::trial&) { ck_epoch_init(&epoch); }

  struct member {
    member() {
      record = ck_epoch_recycle(&epoch, nullptr);
      if (record != nullptr) return;
      record = new ck_epoch_record_t;
      ck_epoch_register(&epoch, record, nullptr);
    }
    ~member() {
      if (record->n_pending != 0) settle();
      ck_epoch_unregister(record);
    }
    member(const member&) = delete;
    member& operator=(const member&) = delete;
  };
  struct outside {
    outside() {}
  };

  static void enter() { ck_epoch_begin(record, nullptr); }
  static void leave() { ck_epoch_end(record, nullptr); }
  template <class T>
  static T* load(T* const& p) {
    return static_cast<T*>(ck_pr_load_ptr(&p));
  }
  static void pass() {}
  static void synchronize() { ck_epoch_synchronize_wait(&epoch, give_way, nullptr); }

  static node* get() { return static_cast<node*>(std::malloc(sizeof(node))); }
  static void retire(node* n) {
    ck_epoch_call(record, entry_of(n), [](ck_epoch_entry_t* entry) {
      std::free(entry);
      came_home();
    });
    if (++calls % 64 == 0) ck_epoch_poll(record);
  }
  static void settle() { ck_epoch_barrier_wait(record, give_way, nullptr); }
  static constexpr bool own_limit = false;

  template <void (*function)(node*)>
  static void post(node* n) {
    ck_epoch_call(record, entry_of(n),
                  [](ck_epoch_entry_t* entry) { function(reinterpret_cast<node*>(entry)); });
  }
  static void barrier() { settle(); }

 private:
  static ck_epoch_entry_t* entry_of(node* n) {
    return reinterpret_cast<ck_epoch_entry_t*>(n->link);
  }
  static void give_way(ck_epoch_t*, ck_epoch_record_t*, void*) { sched_yield(); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  graceslab::bench::offer_reclamation<scheme>(*into);
}
