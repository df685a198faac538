// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// traced ROLE: a program whose trace and probes are looked at.
//
// - all: everything happens that there is a probe for; with an argument more, it says "ready" and
//   goes on until its standard input ends
// - off: whether there is a trace
// - signals: a handler dumps the trace, and threads record
// - forks: what a child has of the trace, which it writes to standard output
// - many: more events than the rings hold
// - costs: how long a full array takes, in nanoseconds for each of its objects
#include <errno.h>
#include <fcntl.h>
#include <graceslab/kernel/slab.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

namespace {

struct object {
  rcu_head rcu;
  char bytes[100];
};

std::atomic<int> step{0};

void run_in_callback(rcu_head* head) {
  (void)head;
  step = 3;
}

kmem_cache* make(const char* name) {
  return kmem_cache_create(name, sizeof(object), 0, 0, nullptr);
}
object* take(kmem_cache* from) { return static_cast<object*>(kmem_cache_alloc(from, GFP_KERNEL)); }

void wait_for(gs_report kind) {
  for (int i = 0; gs_report_count(kind) == 0 && i != 50'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void stay_inside() {
  rcu_read_lock();
  step = 1;
  while (step != 2) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  rcu_read_unlock();
}

// A cache is destroyed while a reader stays inside; it waits for that, and for an object.
void everything() {
  kmem_cache* lingers = make("lingers");
  object* late = take(lingers);
  std::thread reader(stay_inside);
  while (step != 1) std::this_thread::yield();
  for (int i = 0; i != 200; ++i) {
    object* o = take(lingers);
    kfree_rcu(o, rcu);
  }
  static rcu_head head;
  call_rcu(&head, run_in_callback);
  kmem_cache_destroy_rcu(lingers);
  wait_for(GS_REPORT_STALL);
  wait_for(GS_REPORT_LEAK);
  step = 2;
  reader.join();
  rcu_barrier();
  kfree(late);
  for (int i = 0; gs_cache_destroy_barrier() != 0 && i != 50'000; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

void until_input_ends() {
  std::puts("ready");
  std::fflush(stdout);
  char c;
  while (read(STDIN_FILENO, &c, 1) > 0) {
  }
}

// ---- in handlers ----

std::atomic<int> dumps{0}, failed{0};
int nowhere;

void on_signal(int) {
  const int before = errno = 77;
  if (gs_trace_dump(nowhere) != 0 || errno != before) ++failed;
  ++dumps;
}

void retire_some(kmem_cache* s, int n) {
  for (int i = 0; i != n; ++i) {
    object* o = take(s);
    kfree_rcu(o, rcu);
  }
}

int signals() {
  nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  signal(SIGUSR1, on_signal);
  kmem_cache* s = make("busy");
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    while (!stop) retire_some(s, 64);
  });
  for (int i = 0; i != 200; ++i) {
    pthread_kill(worker.native_handle(), SIGUSR1);
    while (dumps <= i) std::this_thread::yield();
  }
  stop = true;
  worker.join();
  kmem_cache_destroy(s);
  std::printf("%d failed\n", failed.load());
  return 0;
}

int forks() {
  kmem_cache* s = make("parents");
  retire_some(s, 200);
  const pid_t child = fork();
  if (child == 0) {
    kmem_cache* mine = make("childs");
    gs_trace_dump(STDOUT_FILENO);
    kmem_cache_destroy(mine);
    std::exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  kmem_cache_destroy(s);
  return status;
}

int many() {
  kmem_cache* s = make("busy");
  retire_some(s, 64 * 20'000);
  kfree_rcu_barrier();
  return gs_trace_dump(STDOUT_FILENO);
}

int costs() {
  kmem_cache* s = make("busy");
  double best = 1e9;
  for (int round = 0; round != 20; ++round) {
    constexpr int objects = 64 * 500;
    const auto began = std::chrono::steady_clock::now();
    retire_some(s, objects);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    best = std::min(best, took.count() / objects);
    kfree_rcu_barrier();
  }
  std::printf("%.2f\n", best);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const char* role = argc > 1 ? argv[1] : "";
  const auto is = [role](const char* name) { return std::strcmp(role, name) == 0; };
  if (is("off")) return std::printf("%d\n", gs_trace_dump(STDOUT_FILENO) == -ENOENT) < 0;
  if (is("signals")) return signals();
  if (is("forks")) return forks();
  if (is("many")) return many();
  if (is("costs")) return costs();
  everything();
  if (argc > 2) until_input_ends();
  return 0;
}
