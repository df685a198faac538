// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// host PLUGIN local|global WORK: uses all that it shares with the plug-in, has the plug-in start
// some work while a reader is inside, unloads it, and says whether that waited for the work.
#include <dlfcn.h>
#include <semaphore.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "work.hpp"

namespace {

void nothing(rcu_head* head) { delete reinterpret_cast<item*>(head); }
void end_mine(thing* t) { delete t; }

void use_it_all() {
  static unsigned ended;
  post(new item{{}, nullptr}, nothing);
  auto* all = make_cache<counted>();
  all->retire(all->make(&ended));
  delete all;
  drop(new node);
  drop_alone(new node);
  drop_by(new thing{nullptr}, end_mine);
  graceslab::rcu_retire(new thing{nullptr}, by_state{end_mine, {}});
  graceslab::rcu_barrier();
}

int fail(const char* why) {
  std::printf("%s\n", why);
  std::fflush(stdout);
  _exit(1);
}

}  // namespace

int main(int, char** argv) {
  use_it_all();
  void* plugin =
      dlopen(argv[1], RTLD_NOW | (std::strcmp(argv[2], "global") == 0 ? RTLD_GLOBAL : 0));
  if (plugin == nullptr) return fail(dlerror());
  auto* start = reinterpret_cast<bool (*)(const char*, unsigned*)>(dlsym(plugin, "start"));

  static unsigned ended;
  sem_t inside, leave;
  sem_init(&inside, 0, 0);
  sem_init(&leave, 0, 0);
  std::thread reader([&] {
    graceslab::rcu_reader section;
    sem_post(&inside);
    while (sem_wait(&leave) != 0) continue;
    usleep(20'000);  // an unload that does not wait is over by then
  });
  while (sem_wait(&inside) != 0) continue;
  if (!start(argv[3], &ended)) return fail("no such work");
  sem_post(&leave);
  dlclose(plugin);
  if (gs_load_acquire(&ended) != 1) return fail("the unload did not wait");
  if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != nullptr) return fail("it is still mapped");
  reader.join();
  graceslab::rcu_barrier();
  graceslab::retire_barrier();
  return 0;
}
