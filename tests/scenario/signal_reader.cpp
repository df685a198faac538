// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers in signal handlers, and the library's threads leave signals alone. Contract R2, R3.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <graceslab/cache.hpp>
#include <thread>

#include "reports_seen.hpp"

namespace {

struct payload {
  std::uint64_t a, b;  // a == ~b while it lives
};

graceslab::rcu_pointer<payload> published;
std::atomic<std::uint64_t> handled, torn;

void read_in_handler(int) {
  graceslab::rcu_reader section;
  const payload* p = published.load();
  if (p != nullptr && p->a != ~p->b) ++torn;
  ++handled;
}

class signal_handler {
 public:
  signal_handler(int number, void (*run)(int)) : number_(number) {
    struct sigaction action = {};
    action.sa_handler = run;
    action.sa_flags = SA_RESTART;
    sigaction(number, &action, &before_);
  }
  ~signal_handler() { sigaction(number_, &before_, nullptr); }

 private:
  int number_;
  struct sigaction before_ = {};
};

TEST(Signal, R2_R3_HandlersMayReadWhileTheirThreadReadsAllocatesAndRetires) {
  reports_seen reports;
  signal_handler handler(SIGUSR1, read_in_handler);
  graceslab::cache<payload> cache("published");
  std::atomic<bool> ready{false}, stop{false};
  handled = torn = 0;
  std::thread busy([&] {
    { graceslab::rcu_reader registers; }
    ready = true;
    for (std::uint64_t i = 0; !stop; ++i) {
      payload* fresh = cache.make(payload{i, ~i});
      graceslab::rcu_reader section;
      graceslab::rcu_reader nested;
      if (payload* old = published.exchange(fresh)) {
        cache.retire(old);
        if (old->a != ~old->b) ++torn;  // our section keeps it
      }
    }
  });
  while (!ready) std::this_thread::yield();
  for (int i = 0; i < 3000; ++i) {
    pthread_kill(busy.native_handle(), SIGUSR1);
    if (i % 64 == 0) graceslab::rcu_synchronize();
    std::this_thread::yield();
  }
  while (handled == 0) std::this_thread::yield();
  stop = true;
  busy.join();
  cache.retire(published.exchange(nullptr));
  EXPECT_EQ(torn, 0u);
  EXPECT_EQ(reports.all(), 0u) << reports.text();
}

// The signal lands between a reader's instructions: nesting must come out even.
TEST(Signal, R3_NestingIsEvenAfterAnyInterruption) {
  signal_handler handler(SIGUSR1, read_in_handler);
  std::atomic<bool> ready{false}, stop{false};
  std::atomic<int> left{-1};
  std::thread busy([&] {
    { graceslab::rcu_reader registers; }
    ready = true;
    while (!stop) {
      graceslab::rcu_reader a;
      graceslab::rcu_reader b;
    }
    left = gs_read_held(nullptr);
  });
  while (!ready) std::this_thread::yield();
  for (int i = 0; i < 3000; ++i) pthread_kill(busy.native_handle(), SIGUSR1);
  stop = true;
  busy.join();
  EXPECT_EQ(left, 0);
  graceslab::rcu_synchronize();
}

std::atomic<unsigned> on_other_threads;
pthread_t main_thread;
void note_thread(int) {
  if (!pthread_equal(pthread_self(), main_thread)) ++on_other_threads;
}

TEST(Signal, R3_TheLibrarysThreadsBlockAllSignals) {
  main_thread = pthread_self();
  signal_handler handler(SIGUSR2, note_thread);
  graceslab::cache<payload> cache("threads");
  cache.retire(cache.make(payload{0, 0}));  // starts the background thread
  static rcu_head head;
  gs_call_rcu(
      nullptr, &head, [](rcu_head*) {}, nullptr);
  graceslab::rcu_barrier();
  sigset_t just_this, before;
  sigemptyset(&just_this);
  sigaddset(&just_this, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &just_this, &before);
  kill(getpid(), SIGUSR2);  // to whoever has it unblocked: nobody
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGUSR2), 1);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(on_other_threads, 0u);
}

}  // namespace
