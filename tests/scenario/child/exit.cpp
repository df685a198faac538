// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// exit ROLE: ends with work in flight, in one way or another.
#include <semaphore.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <graceslab/teardown.hpp>
#include <iterator>
#include <thread>

namespace {

struct object {
  rcu_head head;
  unsigned words[14];
};

void say(const char* what) {
  [[maybe_unused]] const ssize_t n = write(STDOUT_FILENO, what, std::strlen(what));
}

unsigned ran;
void count(rcu_head*) { gs_fetch_add(&ran, 1u); }

void tell_count() {
  char text[40];
  std::snprintf(text, sizeof text, "ran %u\n", gs_load_relaxed(&ran));
  say(text);
}

void post(unsigned n) {
  static object objects[1000];
  for (unsigned i = 0; i < n; ++i) gs_call_rcu(nullptr, &objects[i].head, count, gs_this_module());
}

void retire(unsigned n) {
  static auto* cache = new graceslab::cache<object>("at-exit");  // never destroyed
  for (unsigned i = 0; i < n; ++i) cache->retire(cache->make());
}

// A thread that sits in a section until the process is gone.
void hold_a_reader() {
  static sem_t inside;
  sem_init(&inside, 0, 0);
  std::thread([] {
    graceslab::rcu_default_domain().lock();
    sem_post(&inside);
    for (;;) pause();
  }).detach();
  while (sem_wait(&inside) != 0) continue;
}

void from_atexit() {
  retire(100);
  post(100);
  graceslab::rcu_barrier();
  graceslab::retire_barrier();
  say("barriers in atexit returned\n");
}

void exit_in_callback() {
  static rcu_head head;
  gs_call_rcu(
      nullptr, &head, [](rcu_head*) { std::exit(0); }, gs_this_module());
  post(10);
  graceslab::rcu_barrier();
  for (;;) pause();
}

void exit_in_reader() {
  post(10);
  graceslab::rcu_default_domain().lock();
  std::exit(0);
}

void rearm(rcu_head* head) { gs_call_rcu(nullptr, head, rearm, gs_this_module()); }

void rearm_for_ever() {
  static rcu_head head;
  gs_call_rcu(nullptr, &head, rearm, gs_this_module());
}

// A cache of static lifetime whose objects a reader holds back: its destructor must not wait for
// ever.
void held_static_cache() {
  static graceslab::cache<object> cache("held");
  hold_a_reader();
  for (int i = 0; i < 10; ++i) cache.retire(cache.make());
}

sem_t in_constructor, leave_constructor;
kmem_cache* made_at_exit;

// A thread that sits in a constructor until `leave_constructor`.
void hold_a_constructor(void* owner) {
  sem_init(&in_constructor, 0, 0);
  sem_init(&leave_constructor, 0, 0);
  gs_cache_options options = {};
  options.name = "made-at-exit";
  options.size = 64;
  options.ctor = [](void*) {
    sem_post(&in_constructor);
    while (sem_wait(&leave_constructor) != 0) continue;
    sem_post(&leave_constructor);
  };
  options.owner = owner;
  made_at_exit = gs_cache_create(&options);
  std::thread([] { (void)gs_cache_alloc(made_at_exit, 0); }).detach();
  while (sem_wait(&in_constructor) != 0) continue;
}

// Ends when the report is there.
void await_a_constructor() {
  gs_report_set_handler(
      [](gs_report, const char* text, std::size_t, void*) {
        say(text);
        sem_post(&leave_constructor);
      },
      nullptr);
  (void)gs_cache_destroy_wait(made_at_exit);
}

void settle_a_constructor() {
  static graceslab::owner_token owner("ends at exit");
  hold_a_constructor(owner.native_handle());
}

struct role {
  const char* name;
  void (*play)();
};
constexpr role roles[] = {
    {"quiet", [] {}},
    {"callbacks",
     [] {
       std::atexit(tell_count);
       post(500);
     }},  // told before the library's drain
    {"retires", [] { retire(500); }},
    {"held",
     [] {
       hold_a_reader();
       post(3);
       retire(5);
     }},
    {"held_cache", held_static_cache},
    {"constructor", [] { hold_a_constructor(nullptr); }},
    {"constructor_atexit",
     [] {
       hold_a_constructor(nullptr);
       std::atexit(await_a_constructor);
     }},
    {"constructor_token", settle_a_constructor},
    {"atexit", [] { std::atexit(from_atexit); }},
    {"in_callback", exit_in_callback},
    {"in_reader", exit_in_reader},
    {"rearm", rearm_for_ever},
    {"quick",
     [] {
       post(100);
       std::quick_exit(0);
     }},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const role& r : roles)
    if (std::strcmp(r.name, argv[1]) == 0) return r.play(), 0;
  return 2;
}
