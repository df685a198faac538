// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Shutting a part of a program down for good: drain until quiet, learn who keeps re-arming, close.
#include <cstdio>
#include <graceslab/cache.hpp>

struct timer {
  rcu_head head;  // first
  gs_domain* domain;
  bool stopped;
};

static void tick(rcu_head* head) {
  auto* t = reinterpret_cast<timer*>(head);
  if (!gs_load_acquire(&t->stopped)) gs_call_rcu(t->domain, head, tick, gs_this_module());
}

int main() {
  graceslab::rcu_domain::options options;
  options.name = "timers";
  graceslab::rcu_domain domain(options);
  timer beat = {{}, domain.native_handle(), false};
  gs_call_rcu(beat.domain, &beat.head, tick, gs_this_module());

  void* rearming = nullptr;
  if (domain.drain(8, 2000, &rearming) != graceslab::errc::busy) return 1;  // reports its name, too
  std::printf("still re-arming: %s\n", rearming == reinterpret_cast<void*>(tick) ? "tick()" : "?");

  gs_store_release(&beat.stopped, true);
  if (domain.close() != graceslab::errc::ok) return 2;  // quiet, and takes no more

  timer late = {{}, domain.native_handle(), true};
  gs_call_rcu(late.domain, &late.head, tick, gs_this_module());  // waits and runs here and now
  std::printf("closed\n");
  return 0;
}
