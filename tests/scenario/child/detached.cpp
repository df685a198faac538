// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// detached: main returns and static objects end while detached threads still use them.
#include <unistd.h>

#include <graceslab/cache.hpp>
#include <thread>

namespace {

struct record {
  long value = 1;
  ~record() { value = 0; }
};

constexpr unsigned threads = 3, rounds_more = 1000;
unsigned rounds[threads];

// Ends last, when each thread has used the cache many times since that has ended. The alarm is for
// one that cannot.
struct rest_of_exit {
  ~rest_of_exit() {
    alarm(60);
    for (unsigned& r : rounds)
      for (const unsigned before = gs_load_relaxed(&r); gs_load_relaxed(&r) - before < rounds_more;)
        std::this_thread::yield();
  }
} rest;
graceslab::cache<record> records("records");
graceslab::rcu_pointer<record> top;

void work(unsigned me) {
  for (;;) {
    graceslab::rcu_reader section;
    records.retire(top.exchange(records.make()));
    gs_fetch_add(&rounds[me], 1u);
  }
}

}  // namespace

int main() {
  for (unsigned i = 0; i != threads; ++i) std::thread(work, i).detach();
  for (unsigned& r : rounds)
    while (gs_load_relaxed(&r) == 0) std::this_thread::yield();
  return 0;
}
