// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// liburcu (memb flavour) as a peer, inlined as its licence allows for small functions.
#include "measure.hpp"

#ifdef GRACESLAB_HAVE_URCU
#define URCU_INLINE_SMALL_FUNCTIONS
#define _LGPL_SOURCE
#include <urcu/urcu-memb.h>

#include <cstdlib>

namespace graceslab::tool::bench {
namespace {

struct record {
  std::uint64_t payload[6];
  rcu_head head;
};
static_assert(sizeof(record) == 64);
record* shared;

void release(rcu_head* head) { std::free(caa_container_of(head, record, head)); }
void nothing(rcu_head*) {}

}  // namespace

bool urcu_present() { return true; }
void urcu_begin() { urcu_memb_register_thread(); }
void urcu_end() {
  urcu_memb_barrier();
  urcu_memb_unregister_thread();
}

double urcu_reader_pair_ns(std::uint64_t n) {
  double begin = now_us();
  for (std::uint64_t i = 0; i != n; ++i) {
    urcu_memb_read_lock();
    asm volatile("");
    urcu_memb_read_unlock();
  }
  return (now_us() - begin) * 1000 / static_cast<double>(n);
}

double urcu_retire_cycle_ns(std::uint64_t n) {
  double begin = now_us();
  for (std::uint64_t i = 0; i != n; ++i) {
    auto* fresh = static_cast<record*>(std::malloc(sizeof(record)));
    fresh->payload[0] = i;
    record* old = uatomic_xchg(&shared, fresh);
    if (old != nullptr) urcu_memb_call_rcu(&old->head, release);
  }
  urcu_memb_barrier();
  return (now_us() - begin) * 1000 / static_cast<double>(n);
}

double urcu_barrier_us(unsigned pending) {
  static rcu_head heads[1000];
  for (unsigned i = 0; i != pending; ++i) urcu_memb_call_rcu(&heads[i], nothing);
  double begin = now_us();
  urcu_memb_barrier();
  return now_us() - begin;
}

}  // namespace graceslab::tool::bench

#else

namespace graceslab::tool::bench {
bool urcu_present() { return false; }
void urcu_begin() {}
void urcu_end() {}
double urcu_reader_pair_ns(std::uint64_t) { return 0; }
double urcu_retire_cycle_ns(std::uint64_t) { return 0; }
double urcu_barrier_us(unsigned) { return 0; }
}  // namespace graceslab::tool::bench

#endif
