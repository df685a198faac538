// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// hazard_exit ROLE: ends with objects that are retired under hazard pointers.
#include <semaphore.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <graceslab/cache.hpp>
#include <graceslab/hazard_pointer.hpp>
#include <thread>

namespace {

struct node;
struct told {
  void operator()(node* n) const;
};
struct node : graceslab::hazard_pointer_obj_base<node, told> {
  void (*at_end)() = nullptr;
};

unsigned ended;
// A dot each: most end in the library's own steps at exit, after everything of this program.
void told::operator()(node* n) const {
  [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, ".", 1);
  gs_fetch_add(&ended, 1u);
  if (n->at_end != nullptr) n->at_end();
  gs_kfree(n);
}

node* make() {
  static auto* cache = new graceslab::cache<node>("at-exit");  // never destroyed
  return cache->make();
}

std::atomic<node*> current;

void protect_in_a_thread() {
  static sem_t there;
  sem_init(&there, 0, 0);
  std::thread([] {
    graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
    (void)h.protect(current);
    sem_post(&there);
    for (;;) pause();
  }).detach();
  while (sem_wait(&there) != 0) continue;
}

void retire(unsigned n) {
  for (; n != 0; --n) make()->retire();
}

void held() {
  current = make();
  protect_in_a_thread();
  current.exchange(nullptr)->retire();
  retire(100);
}

void held_here() {
  static graceslab::hazard_pointer* h =
      new graceslab::hazard_pointer(graceslab::make_hazard_pointer());
  current = make();
  (void)h->protect(current);
  current.exchange(nullptr)->retire();
  retire(100);
}

// Of static lifetime, in the order that C++ gives them: the cache ends last.
void statics() {
  static graceslab::cache<node> cache("static");
  static graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  current = cache.make();
  (void)h.protect(current);
  current.exchange(nullptr)->retire();
  for (int i = 0; i != 100; ++i) cache.make()->retire();
}

void held_cache() {
  static graceslab::cache<node> cache("held");
  current = cache.make();
  protect_in_a_thread();
  current.exchange(nullptr)->retire();
}

void in_deleter() {
  node* n = make();
  n->at_end = [] { std::exit(0); };
  n->retire();
  retire(10);
  graceslab::hazard_pointer_barrier();
  for (;;) pause();
}

void slow_deleter() {
  node* n = make();
  n->at_end = [] {
    for (;;) pause();
  };
  n->retire();
  std::thread([] { graceslab::hazard_pointer_barrier(); }).detach();
  while (gs_load_relaxed(&ended) == 0) usleep(1000);
}

// What runs when the default domain is drained retires still.
void callback_retires() {
  static rcu_head head;
  gs_call_rcu(
      nullptr, &head, [](rcu_head*) { retire(1); }, gs_this_module());
}

// Threads that retire for as long as the process lives, and protect most of it for a moment.
void go_on_retiring(node* (*make_one)()) {
  for (int i = 0; i != 2; ++i)
    std::thread([make_one] {
      graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
      for (;;) {
        std::atomic<node*> one = make_one();
        (void)h.protect(one);
        one.exchange(nullptr)->retire();
      }
    }).detach();
  while (gs_load_relaxed(&ended) == 0) usleep(1000);
}

void goes_on() { go_on_retiring(make); }

// Into a cache of static lifetime, whose destructor runs before exit drains anything.
void goes_on_static() {
  static graceslab::cache<node> cache("goes-on");
  go_on_retiring([] { return cache.make(); });
}

struct role {
  const char* name;
  void (*play)();
};
constexpr role roles[] = {
    {"retires", [] { retire(500); }},
    {"held", held},
    {"held_here", held_here},
    {"statics", statics},
    {"held_cache", held_cache},
    {"in_deleter", in_deleter},
    {"slow_deleter", slow_deleter},
    {"callback_retires", callback_retires},
    {"goes_on", goes_on},
    {"goes_on_static", goes_on_static},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (const role& r : roles)
    if (std::strcmp(r.name, argv[1]) == 0) return r.play(), 0;
  return 2;
}
