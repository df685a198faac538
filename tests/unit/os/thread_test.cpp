// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/thread.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "os/clock.hpp"
#include "os/fault.hpp"
#include "os/fence.hpp"
#include "os/hooks.hpp"

namespace {

using namespace graceslab;

TEST(Thread, TidIsRightHereThereAndInAChild) {
  EXPECT_EQ(os::tid(), static_cast<std::uint32_t>(gettid()));
  std::thread([] { EXPECT_EQ(os::tid(), static_cast<std::uint32_t>(gettid())); }).join();
  const pid_t child = fork();
  if (child == 0) _exit(os::tid() == static_cast<std::uint32_t>(getpid()) ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Thread, OursLeaveTheProgramsSignalsAlone_ButNotTheSignalsOfAFault) {
  struct seen_mask {
    sigset_t mask;
    std::uint32_t done;
  } seen = {};
  ASSERT_TRUE(os::start_thread(
      "masked",
      [](void* to) {
        auto* s = static_cast<seen_mask*>(to);
        pthread_sigmask(SIG_BLOCK, nullptr, &s->mask);
        gs_store_release(&s->done, 1u);
      },
      &seen));
  while (gs_load_acquire(&seen.done) == 0) os::yield();
  for (int program : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM, SIGUSR1, SIGPROF})
    EXPECT_EQ(sigismember(&seen.mask, program), 1) << program;
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS})
    EXPECT_EQ(sigismember(&seen.mask, fault), 0) << fault;
}

// The creator is pinned to one core, and in another class (batch, which needs no right).
TEST(Thread, G1_OursHaveTheMaskOfTheProcessAndTheNormalClass_AndRoomForALargeFrame) {
  struct seen_attributes {
    cpu_set_t mask;
    int policy;
    std::uint32_t done;
  };
  static seen_attributes seen;
  cpu_set_t process;
  ASSERT_EQ(sched_getaffinity(getpid(), sizeof process, &process), 0);
  std::thread([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu)
      if (CPU_ISSET(cpu, &process)) CPU_SET(cpu, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const sched_param none = {};
    ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
    ASSERT_TRUE(os::start_thread(
        "guest",
        [](void*) {
          volatile char frame[300 << 10];
          for (std::size_t i = 0; i < sizeof frame; i += 4096) frame[i] = 1;
          sched_getaffinity(0, sizeof seen.mask, &seen.mask);
          seen.policy = sched_getscheduler(0);
          gs_store_release(&seen.done, 1u);
        },
        nullptr));
  }).join();
  while (gs_load_acquire(&seen.done) == 0) os::yield();
  EXPECT_TRUE(CPU_EQUAL(&seen.mask, &process));
  EXPECT_EQ(seen.policy, SCHED_OTHER);
}

// What a thread of ours sees of itself.
struct shape {
  cpu_set_t cpus;
  sched_param param;
  std::size_t stack_bytes = 0;
  int policy = -1;
  std::uint32_t done = 0;
};

shape shape_of_one() {
  static shape seen;
  seen = {};
  EXPECT_TRUE(os::start_thread(
      "shaped",
      [](void*) {
        pthread_attr_t mine;
        pthread_getattr_np(pthread_self(), &mine);
        pthread_attr_getstacksize(&mine, &seen.stack_bytes);
        pthread_attr_destroy(&mine);
        pthread_getschedparam(pthread_self(), &seen.policy, &seen.param);
        sched_getaffinity(0, sizeof seen.cpus, &seen.cpus);
        gs_store_release(&seen.done, 1u);
      },
      nullptr));
  while (gs_load_acquire(&seen.done) == 0) os::yield();
  return seen;
}

struct set_for_now {
  set_for_now(const char* variable, const std::string& value) : variable_(variable) {
    EXPECT_EQ(gs_config_set(variable, value.c_str()), 0);
  }
  ~set_for_now() {
    gs_config_set(variable_, std::string(variable_) == "GRACESLAB_HELPER_STACK" ? "524288" : "0");
  }
  const char* variable_;
};

int bad_settings() { return static_cast<int>(gs_report_count(GS_REPORT_BAD_CONFIG)); }

TEST(Thread, G1_stack_and_cpus_of_ours_are_settings) {
  cpu_set_t process;
  ASSERT_EQ(sched_getaffinity(getpid(), sizeof process, &process), 0);
  int last = -1;
  for (int cpu = 0; cpu < 64; ++cpu)
    if (CPU_ISSET(cpu, &process)) last = cpu;
  if (last < 0) GTEST_SKIP() << "the process has none of the first 64 CPUs";
  set_for_now cpus("GRACESLAB_HELPER_CPUS", std::to_string(std::uint64_t{1} << last));
  set_for_now stack("GRACESLAB_HELPER_STACK", "4194304");
  const shape seen = shape_of_one();
  EXPECT_GE(seen.stack_bytes, 4194304u);
  EXPECT_EQ(CPU_COUNT(&seen.cpus), 1);
  EXPECT_TRUE(CPU_ISSET(last, &seen.cpus));
  EXPECT_EQ(bad_settings(), 0);
}

TEST(Thread, G1_cpus_that_do_not_exist_are_refused_with_a_report) {
  cpu_set_t process;
  ASSERT_EQ(sched_getaffinity(getpid(), sizeof process, &process), 0);
  if (CPU_ISSET(63, &process)) GTEST_SKIP() << "the last one that can be named exists";
  gs_report_set_handler([](gs_report, const char*, std::size_t, void*) {}, nullptr);
  set_for_now cpus("GRACESLAB_HELPER_CPUS", std::to_string(std::uint64_t{1} << 63));
  for (int i = 0; i != 2; ++i) {
    const shape seen = shape_of_one();
    EXPECT_TRUE(CPU_EQUAL(&seen.cpus, &process));
  }
  EXPECT_EQ(bad_settings(), 1);
  gs_report_set_handler(nullptr, nullptr);
}

TEST(Thread, G1_a_priority_is_given_or_refused_with_a_report) {
  gs_report_set_handler([](gs_report, const char*, std::size_t, void*) {}, nullptr);
  set_for_now priority("GRACESLAB_HELPER_PRIORITY", "1");
  const shape seen = shape_of_one();
  if (seen.policy == SCHED_FIFO)
    EXPECT_EQ(seen.param.sched_priority, 1);
  else
    EXPECT_EQ(bad_settings(), 1);
  gs_report_set_handler(nullptr, nullptr);
}

TEST(Thread, G1_hooks_are_called_first_and_last) {
  static std::string order;
  static std::uint32_t done;
  order.clear();
  gs_helper_hooks_set([](const char* name, void*) { order += std::string("<") + name; },
                      [](const char* name, void* arg) {
                        order += std::string(name) + ">";
                        gs_store_release(static_cast<std::uint32_t*>(arg), 1u);
                      },
                      &done);
  ASSERT_TRUE(os::start_thread(
      "hooked", [](void*) { order += "|"; }, nullptr));
  gs_helper_hooks_set(nullptr, nullptr, nullptr);  // it keeps those that it was started with
  while (gs_load_acquire(&done) == 0) os::yield();
  EXPECT_EQ(order, "<hooked|hooked>");
}

TEST(Thread, AliveWhileItRuns) {
  std::uint32_t tid = 0, stop = 0;
  std::thread other([&] {
    gs_store_release(&tid, os::tid());
    while (!gs_load_acquire(&stop)) os::sleep_us(100);
  });
  while (gs_load_acquire(&tid) == 0) os::yield();
  EXPECT_TRUE(os::thread_alive(tid));
  gs_store_release(&stop, 1u);
  other.join();
  for (int i = 0; i < 10'000 && os::thread_alive(tid); ++i) os::sleep_us(100);
  EXPECT_FALSE(os::thread_alive(tid));
}

struct told {
  std::uint32_t done = 0;
  std::uint32_t tid = 0;
  sigset_t mask;
  char name[16];
};

void tell(void* arg) {
  auto* t = static_cast<told*>(arg);
  t->tid = os::tid();
  pthread_sigmask(SIG_SETMASK, nullptr, &t->mask);
  os::thread_name(os::tid(), t->name, sizeof t->name);
  gs_store_release(&t->done, 1u);
}

TEST(Thread, StartsNamedAndWithSignalsBlocked) {
  told t;
  ASSERT_TRUE(os::start_thread("gs-test", tell, &t));
  while (!gs_load_acquire(&t.done)) os::sleep_us(100);
  EXPECT_NE(t.tid, os::tid());
  EXPECT_EQ(std::string(t.name), "gs-test");
  EXPECT_TRUE(sigismember(&t.mask, SIGINT));
  EXPECT_TRUE(sigismember(&t.mask, SIGRTMIN + 5));
  sigset_t mine;
  pthread_sigmask(SIG_SETMASK, nullptr, &mine);
  EXPECT_FALSE(sigismember(&mine, SIGINT));
}

TEST(Thread, StartsMany) {
  static std::uint32_t started;
  constexpr std::uint32_t many = 500;
  // Refused while too many have not come to life yet.
  auto start = [] {
    return os::start_thread(
        "gs-many", [](void*) { gs_fetch_add(&started, 1u); }, nullptr);
  };
  for (std::uint32_t i = 0; i < many; ++i)
    while (!start()) os::sleep_us(100);
  for (int i = 0; i < 50'000 && gs_load_seq_cst(&started) != many; ++i) os::sleep_us(100);
  EXPECT_EQ(gs_load_seq_cst(&started), many);
}

// ---- forks while our threads come to life ----

// A thread has its creator's name until it has arrived.
int tasks_named(const std::string& name) {
  int found = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string comm;
    std::getline(std::ifstream(task.path() / "comm"), comm);
    found += comm == name;
  }
  return found;
}

std::string own_name() {
  char name[16];
  os::thread_name(os::tid(), name, sizeof name);
  return name;
}

bool look_at_fork;
int nameless_at_fork;
[[gnu::constructor]] void look_after_every_other_hook() {
  os::on_fork({1000,
               [] {
                 if (look_at_fork) nameless_at_fork = tasks_named(own_name());
               },
               nullptr, nullptr});
}

TEST(Thread, I8_a_fork_waits_for_those_that_come_to_life) {
  static std::atomic<bool> over;  // all stay to the end: what ends has locks of others, too
  over = false;
  const auto stay = [](void*) { over.wait(false); };
  const int of_old = tasks_named(own_name()) + 1;  // with the starter
  std::atomic<int> started = 0;
  std::thread starter([&] {
    while (started < 500 && !over)
      os::start_thread("gs-arrives", stay, nullptr) ? (void)++started : os::sleep_us(100);
    stay(nullptr);
  });
  for (int i = 0; i != 50'000 && started == 0; ++i) os::sleep_us(100);
  look_at_fork = true;
  for (int forks = 0; forks != 30; ++forks) {
    const std::uint64_t began_ns = os::now_ns();
    const pid_t child = fork();
    if (child == 0) _exit(0);
    const bool in_time = os::now_ns() - began_ns < 1'000'000'000;  // it waits no longer
    waitpid(child, nullptr, 0);
    if (in_time) {
      EXPECT_LE(nameless_at_fork, of_old);
    }
  }
  look_at_fork = false;
  over = true;
  over.notify_all();
  starter.join();
}

TEST(Thread, RefusalIsAnAnswer) {
  const gs_fault fault = {1'000'000, 0, 1, 0};
  gs_fault_set(GS_FAULT_THREAD, &fault);
  EXPECT_FALSE(os::start_thread(
      "gs-no", [](void*) {}, nullptr));
  gs_fault_set(GS_FAULT_THREAD, nullptr);
}

TEST(Thread, UnknownNameIsAQuestionMark) {
  char name[16];
  os::thread_name(4'000'000, name, sizeof name);
  EXPECT_STREQ(name, "?");
}

TEST(Thread, CountsCores) { EXPECT_GE(os::cores_online(), 1u); }

// The heavy fence pairs with compiler-only fences: the store-buffer test that fails within moments
// without it.
TEST(Fence, HeavyPairsWithLight) {
  if (os::readers_fence()) GTEST_SKIP() << "readers fence themselves in this mode";
  struct alignas(128) line {
    std::uint32_t word = 0;
  };
  static line x, y, round_light, round_heavy, stop;
  static std::uint32_t light_saw, heavy_saw;
  std::thread light([] {
    for (std::uint32_t round = 1;; ++round) {
      while (gs_load_acquire(&round_heavy.word) != round)
        if (gs_load_acquire(&stop.word)) return;
      gs_store_relaxed(&x.word, round);
      gs_light_fence();
      gs_store_relaxed(&light_saw, gs_load_relaxed(&y.word));
      gs_store_release(&round_light.word, round);
    }
  });
  unsigned both_missed = 0;
  const auto until = os::now_ns() + 500'000'000;
  for (std::uint32_t round = 1; os::now_ns() < until; ++round) {
    gs_store_release(&round_heavy.word, round);
    gs_store_relaxed(&y.word, round);
    ASSERT_TRUE(os::heavy_fence());
    heavy_saw = gs_load_relaxed(&x.word);
    while (gs_load_acquire(&round_light.word) != round) gs_cpu_relax();
    both_missed += heavy_saw != round && gs_load_relaxed(&light_saw) != round;
  }
  gs_store_release(&stop.word, 1u);
  light.join();
  EXPECT_EQ(both_missed, 0u);
}

TEST(Fence, WorksInAForkedChild) {
  const pid_t child = fork();
  if (child == 0) _exit(os::heavy_fence() ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Hooks, ForkRunsByRank) {
  static std::string order;
  const auto note = [](const char* what) { order += what; };
  static auto say = note;
  os::on_fork({203, [] { say("c"); }, [] { say("C"); }, nullptr});
  os::on_fork({201, [] { say("a"); }, [] { say("A"); }, nullptr});
  os::on_fork({202, [] { say(os::forking() ? "b" : "!"); }, [] { say("B"); }, nullptr});
  const pid_t child = fork();
  if (child == 0) _exit(0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(order, "abcCBA");
  EXPECT_FALSE(os::forking());
}

}  // namespace
