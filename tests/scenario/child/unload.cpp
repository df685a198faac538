// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// unload VARIANT on|off: unloads a module too early, with an interleaving that is forced.
// It says how far it came: `unloaded RAN`, `survived RAN`.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <graceslab/rcu.hpp>
#include <string>
#include <thread>

#include "../loaded_module.hpp"

namespace {

// A callback of the host that stands ahead in the queue: the only worker is busy until go_on.
struct blocker {
  rcu_head head;
  sem_t running, go_on;
};
blocker ahead;

void stand(rcu_head*) {
  sem_post(&ahead.running);
  while (sem_wait(&ahead.go_on) != 0) continue;
}

void stand_ahead() {
  sem_init(&ahead.running, 0, 0);
  sem_init(&ahead.go_on, 0, 0);
  gs_call_rcu_hurry(nullptr, &ahead.head, stand, nullptr);
  while (sem_wait(&ahead.running) != 0) continue;
}

void say(const char* what, const loaded_module& m) {
  std::printf("%s %lu\n", what, gs_load_relaxed(&m.counts.ran));
  std::fflush(stdout);
}

// "My callback came last, so when it runs the others are done": not so.
sem_t last_ran;
void come_last(rcu_head*) { sem_post(&last_ran); }

void rely_on_order(loaded_module& m) {
  static rcu_head last;
  sem_init(&last_ran, 0, 0);
  m.api().post_blocking();
  while (sem_wait(&m.counts.entered) != 0) continue;
  std::thread([] { gs_call_rcu_hurry(nullptr, &last, come_last, nullptr); }).join();
  while (sem_wait(&last_ran) != 0) continue;
}

void wait_wrongly(const std::string& variant) {
  const int times = variant == "synchronize" ? 1 : variant == "synchronize3" ? 3 : 0;
  for (int i = 0; i < times; ++i) graceslab::rcu_synchronize();
  if (variant == "retire_barrier") graceslab::retire_barrier();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string variant = argv[1];
  gs_owner_protection(std::strcmp(argv[2], "on") == 0);
  static loaded_module m("plain");
  m.start();
  if (variant == "fifo") {
    rely_on_order(m);
  } else {
    stand_ahead();
    m.api().post(100);
    wait_wrongly(variant);
  }
  std::thread release([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    sem_post(&m.counts.go_on);
    sem_post(&ahead.go_on);
  });
  m.unload();
  say("unloaded", m);
  release.join();
  graceslab::rcu_barrier();
  say("survived", m);
  std::fflush(stdout);
  _Exit(0);  // what the end of a process does is not the question here
}
