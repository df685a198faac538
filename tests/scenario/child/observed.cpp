// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// observed ROLE: a program to look at from outside. It says "ready" and goes on until its standard
// input ends.
//
// - lives: a thread retires all the time
// - stalls: a reader stays inside, and objects wait for it
// - named: a cache has a name of quotes, a line end, and bytes that are no text
// - leaves: main's thread ends, and another one some time later
// - threads: says whether it has threads of the library's own, and ends
#include <dirent.h>
#include <graceslab/kernel/slab.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

namespace {

struct object {
  rcu_head rcu;
  char bytes[100];
};

kmem_cache* busy_cache;
kmem_cache* held_cache;
std::atomic<bool> stop{false}, inside{false};

object* take(kmem_cache* from) {
  return static_cast<object*>(kmem_cache_alloc(from, GFP_KERNEL));
}

void ready() {
  std::puts("ready");
  std::fflush(stdout);
}

void until_input_ends() {
  char c;
  while (read(STDIN_FILENO, &c, 1) > 0) {
  }
}

void work() {
  while (!stop) {
    for (int i = 0; i != 100; ++i) {
      object* o = take(busy_cache);
      kfree_rcu(o, rcu);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void stay_inside() {
  pthread_setname_np(pthread_self(), "stays-inside");
  rcu_read_lock();
  inside = true;
  while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  rcu_read_unlock();
}

int live() {
  std::thread worker(work);
  object* kept[7];
  for (object*& o : kept) o = take(held_cache);
  ready();
  until_input_ends();
  stop = true;
  worker.join();
  for (object* o : kept) kmem_cache_free(held_cache, o);
  return 0;
}

int stall() {
  std::thread reader(stay_inside);
  while (!inside) std::this_thread::yield();
  for (int i = 0; i != 5; ++i) {
    object* o = take(held_cache);
    kfree_rcu(o, rcu);
  }
  ready();
  until_input_ends();
  stop = true;
  reader.join();
  return 0;
}

int named() {
  kmem_cache* odd = kmem_cache_create("we\"ird\\na\nme\xff", 64, 0, 0, nullptr);
  ready();
  until_input_ends();
  kmem_cache_destroy(odd);
  return 0;
}

int count_threads() {
  int n = 0;
  if (DIR* tasks = opendir("/proc/self/task")) {
    while (const dirent* e = readdir(tasks)) n += e->d_name[0] != '.';
    closedir(tasks);
  }
  std::printf("%d threads\n", n);
  return 0;
}

void leave() {
  std::thread([] {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ready();
  }).detach();
  pthread_exit(nullptr);
}

}  // namespace

int main(int, char** arguments) {
  const std::string role = arguments[1] != nullptr ? arguments[1] : "";
  if (role == "threads") return count_threads();
  busy_cache = kmem_cache_create("busy", sizeof(object), 0, 0, nullptr);
  held_cache = kmem_cache_create("held", sizeof(object), 0, 0, nullptr);
  if (role == "lives") return live();
  if (role == "stalls") return stall();
  if (role == "named") return named();
  if (role == "leaves") leave();
  return 64;
}
