// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Measures on this machine what the model of docs/scale.md takes as given (primitive costs) and
// what it predicts (the library's own operations with one and two threads). Prints one JSON object.
//
// Two threads are pinned to two cores. A round counts only when the other thread made progress
// during it, so that time slices lost to other programs drop out; the median of such rounds is
// reported.
#include <graceslab/kernel/slab.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace {

constexpr int rounds_wanted = 300;
constexpr auto patience = std::chrono::milliseconds(400);

struct alignas(128) line {
  std::atomic<std::uint64_t> word{0};
};

struct alignas(64) line64 {
  std::atomic<std::uint32_t> word{0};
};

double now_ns() {
  auto t = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(t).count());
}

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  sched_setaffinity(0, sizeof set, &set);
}

double median(std::vector<double>& v) {
  if (v.empty()) return 0;
  std::nth_element(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(v.size() / 2), v.end());
  return v[v.size() / 2];
}

using round_function = std::function<void(int)>;  // argument: which thread

// ns per operation of one round, on one thread alone.
double alone(int operations, const round_function& round) {
  std::vector<double> taken;
  double began = now_ns();
  for (int i = 0; i != rounds_wanted && now_ns() - began < 4e8; ++i) {
    double start = now_ns();
    round(0);
    taken.push_back((now_ns() - start) / operations);
  }
  return median(taken);
}

// ns per operation and thread, while another thread does the same on another core.
double together(int operations, const round_function& round) {
  line progress[2];
  std::atomic<bool> stop{false};
  std::atomic<int> ready{0};
  std::vector<double> taken;
  auto run = [&](int self) {
    pin(self);
    ++ready;
    while (ready != 2) sched_yield();
    auto& other = progress[1 - self].word;
    while (!stop) {
      std::uint64_t seen = other;
      double start = now_ns();
      round(self);
      double ns = (now_ns() - start) / operations;
      ++progress[self].word;
      if (self == 0 && other != seen) taken.push_back(ns);
      if (self == 0 && taken.size() == std::size_t{rounds_wanted}) stop = true;
    }
  };
  std::thread first(run, 0), second(run, 1);
  for (double began = now_ns(); !stop && now_ns() - began < 1e6 * double(patience.count());)
    usleep(2000);
  stop = true;
  first.join();
  second.join();
  return median(taken);
}

// ---- primitives ----

void keep(std::uint32_t value) { asm volatile("" ::"r"(value)); }

double rmw_own() {
  static line own;
  return alone(2000, [](int) {
    for (int i = 0; i != 2000; ++i) own.word.fetch_add(1);
  });
}

double rmw_shared() {
  static line shared;
  return together(2000, [](int) {
    for (int i = 0; i != 2000; ++i) shared.word.fetch_add(1);
  });
}

// One line handed back and forth: each hand-over is a load that misses and a store that
// invalidates.
double line_transfer() {
  static line ball;
  constexpr std::uint64_t passes = 200;
  std::atomic<bool> stop{false};
  std::vector<double> taken;
  auto play = [&](std::uint64_t parity) {
    pin(static_cast<int>(parity));
    while (!stop) {
      double start = now_ns();
      for (std::uint64_t i = 0; i != passes && !stop; ++i) {
        std::uint64_t v;
        while (((v = ball.word.load(std::memory_order_acquire)) & 1) != parity && !stop) {
        }
        ball.word.store(v + 1, std::memory_order_release);
      }
      if (parity == 0) taken.push_back((now_ns() - start) / (2.0 * passes));
    }
  };
  std::thread first(play, 0), second(play, 1);
  usleep(300'000);
  stop = true;
  first.join();
  second.join();
  return median(taken);
}

double membarrier_alone() {
  return alone(50, [](int) {
    for (int i = 0; i != 50; ++i) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  });
}

double membarrier_running() {
  return together(50, [](int self) {
    for (std::uint32_t i = 0; i != (self == 0 ? 50 : 2000); ++i) {
      if (self == 0) syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
      keep(i);
    }
  });
}

// Looks at 4096 slots of a line each, as a grace period does: written by another core before, or
// not.
double scan_slot(bool remote) {
  constexpr std::size_t slots = 4096;
  static std::vector<line64> slot(slots);
  std::vector<double> taken;
  for (int i = 0; i != 60; ++i) {
    if (remote) {
      std::thread([] {
        pin(1);
        for (line64& s : slot) s.word.store(2, std::memory_order_relaxed);
      }).join();
    }
    double start = now_ns();
    std::uint32_t busy = 0;
    for (const line64& s : slot) busy += s.word.load(std::memory_order_acquire) & 1;
    keep(busy);
    taken.push_back((now_ns() - start) / slots);
  }
  return median(taken);
}

double cpu_by_rseq() {
#ifdef RSEQ_SIG
  auto* area = reinterpret_cast<volatile struct rseq*>(
      static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset);
  return alone(2000, [area](int) {
    std::uint32_t sum = 0;
    for (int i = 0; i != 2000; ++i) sum += area->cpu_id;
    keep(sum);
  });
#else
  return 0;
#endif
}

double cpu_by_getcpu() {
  return alone(2000, [](int) {
    std::uint32_t sum = 0;
    for (int i = 0; i != 2000; ++i) sum += static_cast<std::uint32_t>(sched_getcpu());
    keep(sum);
  });
}

double clock_read() {
  return alone(500, [](int) {
    timespec t;
    for (int i = 0; i != 500; ++i) clock_gettime(CLOCK_MONOTONIC, &t);
  });
}

// A sleeper woken by a futex and back again: half of the round trip.
double futex_wake() {
  static std::atomic<std::uint32_t> turn{0};
  auto wait_for = [](std::uint32_t parity, const std::atomic<bool>& stop) {
    for (std::uint32_t v; ((v = turn.load()) & 1) != parity && !stop;)
      syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, v, nullptr, nullptr, 0);
  };
  std::atomic<bool> stop{false};
  std::vector<double> taken;
  auto play = [&](std::uint32_t parity) {
    pin(static_cast<int>(parity));
    while (!stop) {
      double start = now_ns();
      wait_for(parity, stop);
      ++turn;
      syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
      if (parity == 0) taken.push_back((now_ns() - start) / 2);
    }
    syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 2, nullptr, nullptr, 0);
  };
  std::thread first(play, 0), second(play, 1);
  usleep(200'000);
  stop = true;
  first.join();
  second.join();
  return median(taken);
}

// ---- the library ----

kmem_cache* hot;

// Allocates n, frees n: what goes beyond a thread's two arrays of 64 is exchanged with the barn.
void swing(std::size_t n) {
  static thread_local std::vector<void*> held(8192);
  for (std::size_t i = 0; i != n; ++i) held[i] = kmem_cache_alloc(hot, GFP_KERNEL);
  for (std::size_t i = 0; i != n; ++i) kmem_cache_free(hot, held[i]);
}

void retire_cycle(int n) {
  for (int i = 0; i != n; ++i) gs_cache_retire(hot, kmem_cache_alloc(hot, GFP_KERNEL));
}

struct figure {
  const char* name;
  double value;
};

void print(const std::vector<figure>& figures) {
  std::printf("{\n");
  for (std::size_t i = 0; i != figures.size(); ++i)
    std::printf("  \"%s\": %.2f%s\n", figures[i].name, figures[i].value,
                i + 1 == figures.size() ? "" : ",");
  std::printf("}\n");
}

}  // namespace

int main() {
  pin(0);
  syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  hot = kmem_cache_create("measured", 64, 0, 0, nullptr);
  if (hot == nullptr) return 1;
  auto batch = [](std::size_t n) { return [n](int) { swing(n); }; };
  auto retire = [](int) { retire_cycle(4096); };
  auto size = [](std::size_t n) { return static_cast<int>(2 * n); };
  std::vector<figure> figures = {
      {"rmw_ns", rmw_own()},
      {"rmw_two_threads_ns", rmw_shared()},
      {"line_transfer_ns", line_transfer()},
      {"membarrier_alone_ns", membarrier_alone()},
      {"membarrier_running_ns", membarrier_running()},
      {"scan_slot_hot_ns", scan_slot(false)},
      {"scan_slot_remote_ns", scan_slot(true)},
      {"cpu_id_rseq_ns", cpu_by_rseq()},
      {"cpu_id_getcpu_ns", cpu_by_getcpu()},
      {"clock_ns", clock_read()},
      {"futex_wake_ns", futex_wake()},
      {"swing_128_one_ns", alone(size(128), batch(128))},
      {"swing_128_two_ns", together(size(128), batch(128))},
      {"swing_384_one_ns", alone(size(384), batch(384))},
      {"swing_384_two_ns", together(size(384), batch(384))},
      {"swing_4096_one_ns", alone(size(4096), batch(4096))},
      {"swing_4096_two_ns", together(size(4096), batch(4096))},
      {"retire_one_ns", alone(4096, retire)},
      {"retire_two_ns", together(4096, retire)},
  };
  print(figures);
  kmem_cache_free_barrier(hot);
  kmem_cache_destroy(hot);
}
