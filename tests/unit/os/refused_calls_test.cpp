// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Every system call that src/os makes (lint `refused-calls` keeps the list whole), refused by a
// sandbox: at the start, later, and a few times only. Whatever is refused, no wait returns early
// (R1), nothing is freed early (K5), and nothing hangs without a report (R10).
//
// A child for each cell of the table; the test takes some of the cells, GRACESLAB_TEST_REFUSED=all
// takes all of them.
#include <errno.h>
#include <graceslab/kernel/slab.h>
#include <sys/ioctl.h>

#include <cstring>

#include "../rcu/observed.hpp"
#include "../refusing.hpp"

// A sanitizer's run time makes the same calls and dies of the refusal.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
namespace {

using namespace observed;
using refusing::no_sandbox;

struct row {
  const char* name;
  std::vector<unsigned> numbers;
  bool by_libc = false;  // a program cannot start, or make threads, without it: refused later only
  bool harmless_only = false;  // the C library ends the process at any refusal but EAGAIN
  friend void PrintTo(const row& r, std::ostream* out) { *out << r.name; }
};

#define GS_CALL(name) \
#name, { SYS_##name }
const row rows[] = {
    {GS_CALL(membarrier)},
    {GS_CALL(mprotect), true},
    {"no_fence", {SYS_membarrier, SYS_mprotect}, true},
    {GS_CALL(mmap), true},
    {GS_CALL(munmap)},
    {GS_CALL(madvise)},
    {GS_CALL(futex), true, true},
    {GS_CALL(futex_waitv)},
    {GS_CALL(nanosleep)},
    {GS_CALL(sched_yield)},
    {GS_CALL(sched_getaffinity)},
    {GS_CALL(getcpu)},
    {GS_CALL(clock_gettime)},
    {"clone", {SYS_clone, SYS_clone3}, true},
    {GS_CALL(prctl)},
    {GS_CALL(gettid)},
    {GS_CALL(getpid)},
    {GS_CALL(getuid)},
    {GS_CALL(tgkill)},
    {GS_CALL(rt_tgsigqueueinfo)},
    {GS_CALL(rt_sigaction)},
    {GS_CALL(rt_sigprocmask)},
    {GS_CALL(process_vm_readv)},
    {GS_CALL(prlimit64)},
    {GS_CALL(openat)},
    {GS_CALL(read)},
    {GS_CALL(pread64)},
    {GS_CALL(write)},
    {GS_CALL(close)},
    {GS_CALL(ppoll)},
    {GS_CALL(pwritev2)},
    {GS_CALL(sendto)},
    {GS_CALL(fstat)},
    {GS_CALL(rt_sigtimedwait)},
    {GS_CALL(fcntl)},
    {GS_CALL(socket)},
    {GS_CALL(bind)},
    {GS_CALL(listen)},
    {GS_CALL(accept4)},
    {GS_CALL(getsockopt)},
    {GS_CALL(geteuid)},
    {GS_CALL(recvfrom)},
    {GS_CALL(shutdown)},
};

std::vector<refusing::call> calls_of(const char* name, int error) {
  std::vector<refusing::call> calls;
  for (const row& r : rows)
    if (std::strcmp(r.name, name) == 0)
      for (const unsigned number : r.numbers) calls.push_back({number, error});
  return calls;
}

// ---- at the start: before the library's first line, which runs before any constructor ----

void refuse_at_start(int, char**, char** environment) {
  const auto value = [&](const char* name) -> const char* {
    for (char** e = environment; *e; ++e)
      if (std::strncmp(*e, name, std::strlen(name)) == 0) return *e + std::strlen(name);
    return nullptr;
  };
  const char* number = value("TEST_START=");
  const char* error = value("TEST_ERROR=");
  if (!number || !error) return;
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(std::atoi(number)), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(std::atoi(error))),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {4, code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    _exit(no_sandbox);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*before_all)(int, char**,
                                                                 char**) = refuse_at_start;

// ---- a few times only: a thread that answers for the system ----

int listener = -1;
std::atomic<bool> at_the_desk{false}, listens{false};
constexpr int refused_times = 3;

void answer(int error) {
  at_the_desk = true;  // what a thread asks for when it comes to life, nobody would answer
  while (!listens) std::this_thread::yield();
  for (int asked = 0;; ++asked) {
    seccomp_notif question = {};
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) != 0) continue;
    seccomp_notif_resp reply = {};
    reply.id = question.id;
    if (asked < refused_times)
      reply.error = -error;
    else
      reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    (void)ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
  }
}

bool refuse_in_passing(const std::vector<refusing::call>& calls) {
  while (!at_the_desk) std::this_thread::yield();
  std::vector<sock_filter> code = refusing::filter_of(calls, SECCOMP_RET_ALLOW);
  for (sock_filter& f : code)
    if (f.code == (BPF_RET | BPF_K) && f.k != SECCOMP_RET_ALLOW) f.k = SECCOMP_RET_USER_NOTIF;
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  constexpr unsigned all_threads_and_listener =
      SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_NEW_LISTENER | (1u << 4);  // TSYNC_ESRCH
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
  const long file =
      syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all_threads_and_listener, &program);
  listener = static_cast<int>(file);
  listens = file >= 0;
  return listens;
}

// ---- the program that it happens to ----

constexpr std::uint64_t fresh = 0x6672657368;  // what a reader must find
struct item {
  std::uint64_t word;
  rcu_head head;
};

kmem_cache* cache;
item first{fresh, {}};
std::atomic<item*> published{&first};
std::atomic<bool> go{false}, inside{false}, may_leave{false}, leaving{false}, done{false};
std::atomic<unsigned> reports_made{0};

void fail(int status) { _exit(status); }

void reader() {
  while (!done) {
    rcu_read_lock();
    const item* seen = published.load();
    for (int i = 0; i < 100; ++i)
      if (*const_cast<volatile const std::uint64_t*>(&seen->word) != fresh) fail(1);
    rcu_read_unlock();
  }
}

void holder() {
  rcu_read_lock();
  inside = true;
  while (!may_leave) std::this_thread::yield();
  leaving = true;
  rcu_read_unlock();
}

void drop(rcu_head* head) {
  item* old = reinterpret_cast<item*>(reinterpret_cast<char*>(head) - offsetof(item, head));
  old->word = 0;
  kmem_cache_free(cache, old);
}

void replace(int round) {
  auto* made = static_cast<item*>(kmem_cache_alloc(cache, GFP_KERNEL));
  if (!made) return;  // refused: an answer
  made->word = fresh;
  item* old = published.exchange(made);
  if (old == &first) return;
  switch (round % 3) {
    case 0:
      synchronize_rcu();
      drop(&old->head);
      break;
    case 1:
      call_rcu(&old->head, drop);
      break;
    default:
      kfree_rcu_mightsleep(old);
  }
}

void updater() {
  while (!go || !inside) std::this_thread::yield();
  (void)gs_observe_start();
  cache = kmem_cache_create("refused", sizeof(item), 0, 0, nullptr);
  synchronize_rcu();
  if (!leaving) fail(2);
  if (cache) {
    for (int round = 0; round < 60; ++round) replace(round);
    item* last = published.exchange(&first);
    if (last != &first) kfree_rcu(last, head);
    rcu_barrier();
    kfree_rcu_barrier();
    (void)kmem_cache_shrink(cache);
    (void)kmem_cache_destroy_wait(cache);
  }
  gs_observe_stop();
  done = true;
}

void count_report(gs_report, const char*, std::size_t, void*) { ++reports_made; }

bool met(const std::function<bool()>& condition, int ms) {  // sleeping may be refused
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
  while (!condition())
    if (std::chrono::steady_clock::now() > end)
      return false;
    else
      std::this_thread::yield();
  return true;
}

TEST(RefusedAgain, DISABLED_program) {
  gs_report_set_handler(count_report, nullptr);
  const int error = std::atoi(getenv("TEST_ERROR"));
  const std::string when = getenv("TEST_WHEN");
  const auto calls = calls_of(getenv("TEST_CALL"), error);
  std::thread(reader).detach();
  std::thread(holder).detach();
  std::thread(updater).detach();
  if (when == "passing") std::thread(answer, error).detach();
  if (!met([] { return inside.load(); }, 30'000)) fail(3);
  if (when == "later" && !refusing::refuse(calls)) fail(no_sandbox);
  if (when == "passing" && !refuse_in_passing(calls)) fail(no_sandbox);
  go = true;
  (void)met([] { return false; }, 120);  // past the stall limit
  may_leave = true;
  const bool ended =
      met([] { return done || gs_report_count(GS_REPORT_WAIT_UNPROVED) >= 2; }, 30'000);
  fail(ended || reports_made != 0 ? 0 : 4);
}

struct cell {
  const char* when;
  int error;
};

std::vector<cell> cells_of(const row& r) {
  if (r.harmless_only) return {{"later", EAGAIN}, {"passing", EAGAIN}, {"passing", EINTR}};
  std::vector<cell> some = {
      {"later", EPERM}, {"later", ENOMEM}, {"passing", EAGAIN}, {"start", ENOSYS}};
  if (const char* all = getenv("GRACESLAB_TEST_REFUSED"); all && std::string(all) == "all")
    for (const char* when : {"later", "passing", "start"})
      for (const int error : {EPERM, ENOSYS, ENOMEM, EAGAIN, EINTR}) some.push_back({when, error});
  if (r.by_libc) std::erase_if(some, [](const cell& c) { return *c.when == 's'; });
  return some;
}

class Refused : public testing::TestWithParam<row> {};

TEST_P(Refused, R1_K5_R10_nothing_early_and_no_silent_hang) {
  const row& r = GetParam();
  for (const cell& c : cells_of(r)) {
    std::vector<std::string> environment = {
        std::string("TEST_CALL=") + r.name, std::string("TEST_WHEN=") + c.when,
        "TEST_ERROR=" + std::to_string(c.error), "GRACESLAB_STALL_MS=30"};
    if (*c.when == 's') environment.push_back("TEST_START=" + std::to_string(r.numbers[0]));
    const outcome o = run_again("RefusedAgain.DISABLED_program", environment);
    if (o.status == no_sandbox) GTEST_SKIP() << "no seccomp, or none that asks, here";
    EXPECT_EQ(o.status, 0) << r.name << " " << c.when << " " << strerror(c.error) << "\n"
                           << o.errors;
  }
}

INSTANTIATE_TEST_SUITE_P(Call, Refused, testing::ValuesIn(rows),
                         [](const auto& r) { return std::string(r.param.name); });

}  // namespace
#endif
