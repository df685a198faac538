// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What schemes with hazard pointers are asked to do besides the structures. Such a scheme has
//   struct object                       64 bytes, to be protected and retired, with a `word`
//   static object* get()                one, not initialised
//   static void retire(object*)         ends it when nobody protects it
//   class hazard                        protect(atomic<object*> const&), clear()
// and of smr.hpp: begin, member, settle.
#pragma once
#include <atomic>

#include "smr.hpp"

namespace graceslab::bench {

template <class H>
inline std::atomic<typename H::object*> published{nullptr};

template <class H>
void renew(std::uint64_t word) {
  typename H::object* fresh = H::get();
  fresh->word = word;
  if (auto* old = published<H>.exchange(fresh, std::memory_order_acq_rel)) H::retire(old);
}

// Protects what a pointer leads to, reads it, and lets it go.
template <class H>
void play_protect(trial& t) {
  H::begin(t);
  t.pin(0);
  typename H::member me;
  renew<H>(0);
  typename H::hazard h;
  t.figure("ns", per_turn_ns(t, 1000, [&](std::uint64_t n) {
             for (; n != 0; --n) {
               touched(reinterpret_cast<void*>(h.protect(published<H>)->word));
               h.clear();
             }
           }));
}

// Allocates, writes, publishes, retires what was there, and ends what may end.
template <class H>
void play_hazard_cycle(trial& t) {
  H::begin(t);
  t.pin(0);
  typename H::member me;
  t.figure("ns", per_turn_ns(t, 512, [](std::uint64_t n) {
             for (std::uint64_t i = 0; i != n; ++i) renew<H>(i);
           }));
  H::settle();
}

}  // namespace graceslab::bench
