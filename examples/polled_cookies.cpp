// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Grace periods without waiting: start one, do something else, ask whether it is over.
#include <cstdio>
#include <deque>
#include <graceslab/rcu.hpp>

struct page {
  int number;
};

// An own free list: pages wait here, with their cookies, until no reader can have them.
class recycler {
 public:
  void give(page* p) { waiting_.push_back({p, graceslab::grace_period::start()}); }

  page* take() {
    if (waiting_.empty() || !waiting_.front().ready.done()) return nullptr;  // never waits
    return pop();
  }
  page* take_or_wait() {
    if (waiting_.empty()) return nullptr;
    waiting_.front().ready.wait();
    return pop();
  }

 private:
  struct entry {
    page* p;
    graceslab::grace_period ready;
  };
  page* pop() {
    page* p = waiting_.front().p;
    waiting_.pop_front();
    return p;
  }
  std::deque<entry> waiting_;
};

int main() {
  page pages[3] = {{1}, {2}, {3}};
  recycler free_pages;
  {
    graceslab::rcu_reader section;  // sees the pages, so they are not free yet
    for (page& p : pages) free_pages.give(&p);
    if (free_pages.take() != nullptr) return 1;
  }
  int taken = 0;
  while (page* p = free_pages.take_or_wait()) taken += p->number;
  std::printf("%d\n", taken);
  return taken == 6 ? 0 : 2;
}
