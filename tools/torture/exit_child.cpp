// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exit_child.hpp"

#include <fmt/core.h>
#include <graceslab/kernel/slab.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <graceslab/rcu.hpp>
#include <thread>

#include "../commands.hpp"

namespace graceslab::torture {
namespace {

constexpr const char* policy_names[exit_policies] = {"leave", "drain", "strict"};
constexpr const char* place_names[exit_places] = {"the main thread", "another thread", "a callback",
                                                  "a signal handler",
                                                  "a child that a signal handler forked"};

struct object {
  rcu_head head;
  std::uint64_t words[6];
};

kmem_cache* objects;
unsigned seen;

void give_home(rcu_head* head) { kmem_cache_free(objects, head); }
void count(rcu_head*) { gs_fetch_add(&seen, 1u); }

void work() {
  for (unsigned i = 0; i != 64; ++i) {
    rcu_read_lock();
    auto* o = static_cast<object*>(kmem_cache_alloc(objects, GFP_KERNEL));
    rcu_read_unlock();
    if (o == nullptr) continue;
    if (i % 3 == 0)
      kmem_cache_free(objects, o);
    else if (i % 3 == 1)
      kfree_rcu(o, head);
    else
      call_rcu(&o->head, give_home);
  }
  kmem_cache* brief = kmem_cache_create("torture.brief", 40, 0, 0, nullptr);
  kmem_cache_free(brief, kmem_cache_alloc(brief, GFP_KERNEL));
  kmem_cache_destroy(brief);
}

void work_for_ever() {
  for (;; usleep(500)) work();
}

void sit_in_a_section() {
  static std::atomic<bool> inside{false};
  std::thread([] {
    rcu_read_lock();
    inside = true;
    for (;;) pause();
  }).detach();
  while (!inside) std::this_thread::yield();
}

[[noreturn]] void leave() { std::exit(exit_child_status); }

// The signal comes to any of the threads, which may be anywhere in the library.
void in_handler(int) {
  static std::uint32_t once;
  if (gs_exchange(&once, 1u) != 0) return;
  leave();
}

void fork_in_handler(int) {
  static std::uint32_t once;
  if (gs_exchange(&once, 1u) != 0) return;
  const pid_t child = fork();
  if (child == 0) leave();
  int status = 0;
  while (waitpid(child, &status, 0) != child) continue;
  std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

[[noreturn]] void leave_in_handler(void (*handler)(int), unsigned after_us) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGALRM, &action, nullptr);
  itimerval soon = {{0, 0}, {0, after_us + 1}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  for (;;) work();
}

[[noreturn]] void leave_from(unsigned place) {
  static rcu_head head;
  if (place == 0) leave();
  if (place == 1) std::thread(leave).detach();
  if (place == 2) call_rcu(&head, [](rcu_head*) { leave(); });
  for (;;) pause();
}

}  // namespace

std::string to_text(const exit_orders& o) {
  return fmt::format("{}:{}:{}:{}:{}", o.policy, o.from, int{o.faults}, int{o.stuck}, o.after_us);
}

std::string describe(const exit_orders& o) {
  return fmt::format("policy {}, exit() in {} after {} us{}{}", policy_names[o.policy],
                     place_names[o.from], o.after_us, o.stuck ? ", a section stays open" : "",
                     o.faults ? ", arrays run out" : "");
}

void be_exit_child(const std::string& text) {
  exit_orders o;
  unsigned faults = 0, stuck = 0;
  if (std::sscanf(text.c_str(), "%u:%u:%u:%u:%u", &o.policy, &o.from, &faults, &stuck,
                  &o.after_us) != 5 ||
      o.policy >= exit_policies || o.from >= exit_places)
    throw tool::usage_error("--exit-child is for the torture itself");
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // with the thread that waits for us
  gs_config_set("GRACESLAB_EXIT", policy_names[o.policy]);
  gs_config_set("GRACESLAB_EXIT_MS", "50");
  gs_report_set_handler([](gs_report, const char*, std::size_t, void*) {}, nullptr);
  objects = kmem_cache_create("torture.exit", sizeof(object), 0, 0, nullptr);
  if (objects == nullptr) std::_Exit(1);
  gs_fault fault = {};
  fault.probability_per_million = 200'000;
  fault.times = -1;
  if (faults != 0) gs_fault_set(GS_FAULT_ARRAY, &fault);
  for (int i = 0; i != 3; ++i) std::thread(work_for_ever).detach();
  rcu_head heads[8];
  for (rcu_head& head : heads) call_rcu(&head, count);
  // A callback waits for the section, too: who exits in one does so before.
  if (stuck != 0 && o.from != exit_in_callback) sit_in_a_section();
  if (o.from == exit_in_handler) leave_in_handler(in_handler, o.after_us);
  if (o.from == exit_in_child) leave_in_handler(fork_in_handler, o.after_us);
  usleep(o.after_us);
  leave_from(o.from);
}

}  // namespace graceslab::torture
