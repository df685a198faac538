// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "in_the_act.hpp"

#include <graceslab/detail/atomic.h>
#include <graceslab/detail/local.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

namespace graceslab::torture {
namespace {

constexpr int stop_signal = SIGUSR1;
constexpr long again_ns = 10'000;  // how soon a thread that was met elsewhere looks again
constexpr std::int64_t hunts_ns = 20'000'000;
constexpr std::int64_t stands_ns = 5'000'000;

enum moment : std::uint32_t { idle, hunting, standing, over };
std::uint32_t state = idle;       // atomic: a moment
std::uint32_t watched_cache = 0;  // atomic
thread_local timer_t again __attribute__((tls_model("initial-exec")));

bool change(std::uint32_t from, std::uint32_t to) { return gs_compare_exchange(&state, &from, to); }

std::int64_t now_ns() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

bool inside_its_arrays() {
  std::uint32_t id = gs_load_relaxed(&watched_cache);
  if (id == 0 || id >= GS_TLS_CACHES) return false;
  const gs_local* local = gs_tls.local[id];
  return local != nullptr && gs_load_relaxed(&local->busy) != 0;
}

// In the thread that is hunted.
void met(int) {
  if (!inside_its_arrays()) {
    itimerspec soon = {{0, 0}, {0, again_ns}};
    if (gs_load_acquire(&state) == hunting) timer_settime(again, 0, &soon, nullptr);
    return;
  }
  if (!change(hunting, standing)) return;
  std::int64_t until = now_ns() + stands_ns;
  while (gs_load_acquire(&state) == standing && now_ns() < until) sched_yield();
  (void)change(standing, over);
}

}  // namespace

in_the_act::in_the_act(std::uint32_t cache) {
  gs_store_relaxed(&watched_cache, cache);
  struct sigaction action = {};
  action.sa_handler = met;
  action.sa_flags = SA_RESTART;
  sigaction(stop_signal, &action, nullptr);
}

in_the_act::~in_the_act() {
  gs_store_relaxed(&watched_cache, 0u);  // a late signal then finds nothing to do
}

void in_the_act::offer() {
  sigevent to_me = {};
  to_me.sigev_notify = SIGEV_THREAD_ID;
  to_me.sigev_signo = stop_signal;
  to_me._sigev_un._tid = gettid();
  if (timer_create(CLOCK_MONOTONIC, &to_me, &again) != 0) return;
  std::uint32_t place = gs_fetch_add(&offered_, 1u);
  if (place >= places) return;
  thread_[place] = pthread_self();
  gs_store_release(&ready_[place], 1u);
}

bool in_the_act::stop(unsigned choice) {
  std::uint32_t place = choice % places;
  if (gs_load_acquire(&ready_[place]) == 0) return false;
  gs_store_release(&state, static_cast<std::uint32_t>(hunting));
  std::int64_t until = now_ns() + hunts_ns;
  (void)pthread_kill(thread_[place], stop_signal);
  while (gs_load_acquire(&state) == hunting && now_ns() < until) sched_yield();
  return !change(hunting, idle);
}

bool in_the_act::let_go() { return change(standing, over); }

}  // namespace graceslab::torture
