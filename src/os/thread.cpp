// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/thread.hpp"

#include <fcntl.h>
#include <graceslab/detail/atomic.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <initializer_list>

#include "os/fault.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/patient_lock.hpp"

namespace graceslab::os {
namespace {

__thread std::uint32_t cached_tid __attribute__((tls_model("initial-exec")));
std::uint32_t cached_cores;

#if defined(__has_feature)
#define GS_HAS_FEATURE(x) __has_feature(x)
#else
#define GS_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    GS_HAS_FEATURE(address_sanitizer) || GS_HAS_FEATURE(thread_sanitizer)
constexpr std::size_t stack_bytes = std::size_t{2} << 20;
#else
// Only touched pages cost memory, but all of them count where data is limited.
constexpr std::size_t stack_bytes = std::size_t{512} << 10;
#endif

constinit patient_lock start_lock;  // held while a thread is created, and across a fork

// What a new thread is told; it copies its place and gives it back.
struct start_order {
  char name[16];
  void (*run)(void*);
  void* arg;
};
struct start_place {
  std::uint32_t taken;
  start_order order;
};
constexpr unsigned start_places = 32;
start_place places[start_places];

start_place* take_place() noexcept {
  for (start_place& place : places) {
    // ORDER start.take <-> start.give_back   (docs/ordering/os.md, claim 4)
    // Reads the zero that the last thread stored after copying, so our writes come after its reads.
    std::uint32_t free = 0;
    if (gs_compare_exchange(&place.taken, &free, 1u)) return &place;
  }
  return nullptr;
}

// ORDER start.give_back <-> start.take   (docs/ordering/os.md, claim 4)
void give_back(start_place* place) noexcept { gs_store_release(&place->taken, 0u); }

void* thread_main(void* told) noexcept {
  auto* place = static_cast<start_place*>(told);
  const start_order mine = place->order;
  // unused result: a thread without a name works as well
  pthread_setname_np(pthread_self(), mine.name);
  give_back(place);
  mine.run(mine.arg);
  return nullptr;
}

using cpu_mask = unsigned long[1024 / sizeof(long)];  // 8192 cores

// Ours is a thread of the process, not of who happens to start it: the main thread's CPU mask, and
// the normal scheduling class. Both are set before the thread runs: on the core of a pinned
// real-time thread it could not do so itself. Asked for only where they differ, so that a sandbox
// that refuses such calls meets none.
void as_the_process(pthread_attr_t* attributes) noexcept {
  cpu_mask mine = {}, wanted = {};
  const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mine, mine);
  if (bytes > 0 && syscall(SYS_sched_getaffinity, getpid(), sizeof wanted, wanted) > 0 &&
      std::memcmp(mine, wanted, sizeof mine) != 0)
    // unused result: without the mask, the thread runs where its creator may
    pthread_attr_setaffinity_np(attributes, static_cast<std::size_t>(bytes),
                                reinterpret_cast<const cpu_set_t*>(wanted));
  const int policy = sched_getscheduler(0);
  if (policy < 0 || policy == SCHED_OTHER) return;
  const sched_param normal = {};
  const bool set = pthread_attr_setschedpolicy(attributes, SCHED_OTHER) == 0 &&
                   pthread_attr_setschedparam(attributes, &normal) == 0;
  // unused result: the value is one that exists
  if (set) pthread_attr_setinheritsched(attributes, PTHREAD_EXPLICIT_SCHED);
}

enum class wish { everything, default_stack, plain };

int create_with(start_place* place, wish asked_for) noexcept {
  pthread_attr_t attributes;
  if (const int failed = pthread_attr_init(&attributes)) return failed;
  pthread_t thread;
  // unused result: the value is one that exists
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  // unused result: the default size serves as well
  if (asked_for == wish::everything) pthread_attr_setstacksize(&attributes, stack_bytes);
  if (asked_for != wish::plain) as_the_process(&attributes);
  const int failed = pthread_create(&thread, &attributes, thread_main, place);
  pthread_attr_destroy(&attributes);  // unused result: it was initialised
  return failed;
}

// A program with much static thread-local storage leaves no room in a small stack: then the default
// size. Where the system refuses class or CPUs, a thread like its creator is better than none.
bool create(start_place* place) noexcept {
  int failed = create_with(place, wish::everything);
  if (failed == EINVAL) failed = create_with(place, wish::default_stack);
  if (failed == EINVAL || failed == EPERM) failed = create_with(place, wish::plain);
  return failed == 0;
}

bool start_in_place(const char* name, void (*run)(void* arg), void* arg) noexcept {
  patient_guard hold(start_lock);
  start_place* place = take_place();
  if (!place) return false;
  std::snprintf(place->order.name, sizeof place->order.name, "%s", name);
  place->order.run = run;
  place->order.arg = arg;
  const bool started = create(place);
  if (!started) give_back(place);
  return started;
}

// ORDER start.take <-> start.give_back   (docs/ordering/os.md, claim 4)
// A thread that has given its place back has also let go of the locks under which it came to life.
bool all_arrived() noexcept {
  for (const start_place& place : places)
    if (gs_load_acquire(&place.taken) != 0) return false;
  return true;
}

// A thread that comes to life may be inside an allocator, a sanitizer's for one, whose locks a
// child would inherit for ever. So a fork waits for ours, of which the program does not know.
void prepare() noexcept {
  start_lock.hold_for_fork();
  (void)in_time(all_arrived);
}
void parent() noexcept { start_lock.drop_in_parent(); }

void child() noexcept {
  start_lock.reset_in_child();
  for (start_place& place : places) give_back(&place);
}

[[gnu::constructor(102)]] void start_threads() noexcept {
  on_fork({fork_rank_start, prepare, parent, child});
}

}  // namespace

std::uint32_t tid() noexcept {
  if (GS_UNLIKELY(cached_tid == 0)) {
    keep_errno keep;
    cached_tid = static_cast<std::uint32_t>(syscall(SYS_gettid));
  }
  return cached_tid;
}

void forget_tid() noexcept { cached_tid = 0; }

// One answer alone says that a thread is gone. Any other is a refusal, which says nothing: whoever
// takes it for a death ends the section of a living reader.
bool thread_alive(std::uint32_t tid) noexcept {
  keep_errno keep;
  return syscall(SYS_tgkill, getpid(), tid, 0) == 0 || errno != ESRCH;
}

void thread_name(std::uint32_t tid, char* name, unsigned bytes) noexcept {
  if (bytes == 0) return;
  keep_errno keep;
  char path[48];
  std::snprintf(path, sizeof path, "/proc/self/task/%u/comm", tid);
  // System calls: open() and read() are cancellation points.
  const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long length = file < 0 ? -1 : syscall(SYS_read, file, name, bytes - 1);
  if (file >= 0) syscall(SYS_close, file);  // unused result: it was only read
  if (length > 0 && name[length - 1] == '\n') --length;
  if (length > 0)
    name[length] = '\0';
  else
    std::snprintf(name, bytes, "?");
}

unsigned cores_online() noexcept {
  std::uint32_t cores = gs_load_relaxed(&cached_cores);
  if (cores == 0) {
    keep_errno keep;
    cpu_mask mask = {};
    const long bytes = syscall(SYS_sched_getaffinity, 0, sizeof mask, mask);
    for (long i = 0; i < bytes / static_cast<long>(sizeof mask[0]); ++i)
      cores += static_cast<std::uint32_t>(__builtin_popcountl(mask[i]));
    if (cores == 0) cores = 1;
    gs_store_relaxed(&cached_cores, cores);
  }
  return cores;
}

void yield() noexcept { sched_yield(); }  // unused result: a hint

namespace {

// Kept off our threads. The signals of a fault are not among them: a callback that crashes there
// is to reach the program's crash handler, as anywhere else.
sigset_t signals_of_the_program() noexcept {
  sigset_t set;
  sigfillset(&set);  // unused result: cannot fail
  for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&set, fault);
  return set;
}

}  // namespace

bool start_thread(const char* name, void (*run)(void* arg), void* arg) noexcept {
  if (fault_now(GS_FAULT_THREAD)) return false;
  keep_errno keep;
  sigset_t before;
  const sigset_t asked_for = signals_of_the_program();
  // Inherited by our thread. Unused result: the arguments are right.
  pthread_sigmask(SIG_SETMASK, &asked_for, &before);
  const bool started = start_in_place(name, run, arg);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);  // unused result: as above
  return started;
}

}  // namespace graceslab::os
