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
#include <initializer_list>

#include "os/fault.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/patient_lock.hpp"
#include "os/sanitizer.hpp"
#include "os/thread_shape.hpp"

namespace graceslab::os {
namespace {

__thread std::uint32_t cached_tid __attribute__((tls_model("initial-exec")));
std::uint32_t cached_cores;

constinit patient_lock start_lock;  // held while a thread is created, and across a fork

constinit thread_hooks hooks = {};  // guarded by start_lock

// What a new thread is told; it copies its place and gives it back.
struct start_order {
  char name[16];
  void (*run)(void*);
  void* arg;
  thread_hooks hooks;
};
struct start_place {
  std::uint32_t taken;
  start_order order;
};
constexpr unsigned start_places = 32;
constinit start_place places[start_places] = {};

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
  if (mine.hooks.started) mine.hooks.started(mine.name, mine.hooks.arg);
  {
    unseen ours;
    mine.run(mine.arg);
  }
  if (mine.hooks.ending) mine.hooks.ending(mine.name, mine.hooks.arg);
  return nullptr;
}

int create_with(start_place* place, const thread_shape& shape) noexcept {
  pthread_attr_t attributes;
  if (const int failed = pthread_attr_init(&attributes)) return failed;
  pthread_t thread;
  // unused result: the value is one that exists
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int failed = give_shape(&attributes, shape)
                         ? pthread_create(&thread, &attributes, thread_main, place)
                         : EINVAL;
  pthread_attr_destroy(&attributes);  // unused result: it was initialised
  return failed;
}

enum class start { as_set, otherwise, refused };

start create(start_place* place) noexcept {
  const bool set = shape_is_set();
  for (const thread_shape& shape : thread_shapes) {
    const int failed = create_with(place, shape);
    if (failed == 0)
      return set && shape.like != thread_shape::settings ? start::otherwise : start::as_set;
    if (failed != EINVAL && failed != EPERM) break;
  }
  return start::refused;
}

start start_in_place(const char* name, void (*run)(void* arg), void* arg) noexcept {
  patient_guard hold(start_lock);
  start_place* place = take_place();
  if (!place) return start::refused;
  unseen ours;
  std::snprintf(place->order.name, sizeof place->order.name, "%s", name);
  place->order.run = run;
  place->order.arg = arg;
  place->order.hooks = hooks;
  const start how = create(place);
  if (how == start::refused) give_back(place);
  return how;
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
  const start how = start_in_place(name, run, arg);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);  // unused result: as above
  if (how == start::otherwise) report_shape_refused();
  return how != start::refused;
}

void set_thread_hooks(const thread_hooks& set) noexcept {
  patient_guard guard(start_lock);
  hooks = set;
}

}  // namespace graceslab::os
