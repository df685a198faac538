// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The child process of an unsafe variant: force the interleaving, unload the module, see what its
// callbacks do.
//
// It tells its parent how far it came by lines on standard output: `mapped`, `unloaded ...`, `crash
// in|out`, `done`.
#include <fmt/core.h>
#include <graceslab/kernel/rcupdate.h>
#include <semaphore.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <thread>

#include "loader.hpp"
#include "unsafe.hpp"

namespace graceslab::lab {
namespace {

using namespace std::chrono_literals;

constexpr auto release_after =
    100ms;  // the barrier's caller must have reached the module's callbacks by then
constexpr auto leak_limit = 5s;

void say(const std::string& line) {
  std::string text = line + "\n";
  [[maybe_unused]] ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
}

// ---- crashes: where? ----

const loaded_module* under_test;

void tell_crash(int signal, siginfo_t* info, void*) {
  bool in_module =
      under_test != nullptr && under_test->covers(reinterpret_cast<std::uintptr_t>(info->si_addr));
  const char* text = in_module ? "crash in\n" : "crash out\n";
  [[maybe_unused]] ssize_t n = write(STDOUT_FILENO, text, std::strlen(text));
  std::signal(signal,
              SIG_DFL);  // the same instruction faults again, and ends the process as it would have
}

void watch_for_crashes(const loaded_module& module) {
  under_test = &module;
  rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  static char alternate[64 * 1024];
  stack_t stack = {};
  stack.ss_sp = alternate;
  stack.ss_size = sizeof alternate;
  sigaltstack(&stack, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = tell_crash;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int signal : {SIGSEGV, SIGBUS, SIGILL}) sigaction(signal, &action, nullptr);
}

// ---- a callback of the host that stands ahead in the queue ----

struct blocker {
  rcu_head head;
  sem_t running, go_on;

  blocker() {
    sem_init(&running, 0, 0);
    sem_init(&go_on, 0, 0);
  }
  // Returns once it runs: the only worker is busy from then on.
  void stand_ahead() {
    call_rcu_hurry(&head, &blocker::wait_here);
    while (sem_wait(&running) != 0) continue;
  }
  static void wait_here(rcu_head* head) {
    blocker* self = reinterpret_cast<blocker*>(head);  // the first member
    sem_post(&self->running);
    while (sem_wait(&self->go_on) != 0) continue;
  }
};

bool forced(unsafe variant) {
  return variant == unsafe::no_wait || variant == unsafe::synchronize_rcu ||
         variant == unsafe::synchronize_rcu_three_times || variant == unsafe::fifo_call_rcu;
}

// A leak is reported by the library when its limit has passed, in whatever comes by.
void wait_for_leak_report() {
  for (auto waited = 0ms; gs_report_count(GS_REPORT_LEAK) == 0 && waited < leak_limit;
       waited += 10ms)
    std::this_thread::sleep_for(10ms);
}

void run_variant(unsafe variant) {
  loaded_module module(find_module());
  watch_for_crashes(module);
  static blocker ahead;
  static unsafe_counts counts;
  if (forced(variant)) ahead.stand_ahead();
  say("mapped");
  module.api().misbehave(variant, &counts);
  if (variant == unsafe::rearm) ahead.stand_ahead();
  bool gone = module.unload();
  say(fmt::format("unloaded {} {} {} {}", gone ? 1 : 0, counts.posted, gs_load_acquire(&counts.ran),
                  counts.queued_at_return));
  std::thread release([] {
    std::this_thread::sleep_for(release_after);
    sem_post(&ahead.go_on);
  });
  release.detach();
  rcu_barrier();  // whoever waits runs what is queued: into code that is gone, unless somebody saw
                  // to it
  if (variant == unsafe::leak) wait_for_leak_report();
  say(fmt::format("done {} {}", counts.posted, gs_load_acquire(&counts.ran)));
}

}  // namespace

void be_child(unsafe variant, bool protection) {
  gs_owner_protection(protection ? 1 : 0);
  run_variant(variant);
  _exit(0);  // what the end of a process does is not the question here
}

}  // namespace graceslab::lab
