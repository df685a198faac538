// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One registration each with the C library, as early as possible: its fork handlers then run
// innermost, and its exit handler last.
#include "os/hooks.hpp"

#include <graceslab/detail/atomic.h>
#include <pthread.h>

#include "os/exit.hpp"
#include "os/handlers.hpp"
#include "os/keep_errno.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
}

namespace graceslab::os {
namespace {

constexpr unsigned hooks_max = 64;

struct exit_hook {
  int rank;
  void (*run)();
};

// Sorted by rank, filled by static initialisers (one thread), read from then on.
template <class Hook>
struct hook_table {
  Hook hook[hooks_max];
  unsigned count;

  void add(const Hook& fresh) noexcept {
    if (count == hooks_max) panic("too many hooks");
    unsigned at = count++;
    for (; at > 0 && hook[at - 1].rank > fresh.rank; --at) hook[at] = hook[at - 1];
    hook[at] = fresh;
  }
};

hook_table<fork_hooks> forks;
hook_table<exit_hook> exits;
void (*thread_end)(void*);
std::uint32_t exiting;
std::uint32_t told_refused;
std::uint32_t key_plus_one;  // of the thread-specific value; 0 = none yet
__thread bool in_fork __attribute__((tls_model("initial-exec")));
__thread bool fork_refused __attribute__((tls_model("initial-exec")));

// A handler that interrupted the library forks: our locks may be this very thread's, half way in
// something. The fork itself cannot be refused; the child is on its own.
bool refuse_fork() noexcept {
  if (!is_midway()) return false;
  if (gs_exchange(&told_refused, 1u) == 0)
    report(GS_REPORT_STALL,
           "thread %u forks in a signal handler that interrupted the library: the child may exec "
           "or _exit; if it goes on using the library, it ends at the first lock that it would "
           "wait for (said once)",
           tid());
  return true;
}

// Where the fork is refused, only those that no handler finds half way.
unsigned first_hook() noexcept {
  unsigned i = 0;
  while (fork_refused && i < forks.count && forks.hook[i].rank < fork_rank_handlers) ++i;
  return i;
}

void prepare() noexcept {
  fork_refused = refuse_fork();
  in_fork = true;
  for (unsigned i = first_hook(); i < forks.count; ++i)
    if (forks.hook[i].prepare) forks.hook[i].prepare();
}

void parent() noexcept {
  for (unsigned i = forks.count; i-- > first_hook();)
    if (forks.hook[i].parent) forks.hook[i].parent();
  in_fork = false;
}

void child() noexcept {
  forget_tid();
  for (unsigned i = forks.count; i-- > first_hook();)
    if (forks.hook[i].child) forks.hook[i].child();
  in_fork = false;
  if (fork_refused) return be_forlorn();
  midway_depth = 0;  // the locks were not dropped one by one
}

void run_exit_hooks(void*) noexcept {
  gs_store_relaxed(&exiting, 1u);
  for (unsigned i = 0; i < exits.count; ++i) exits.hook[i].run();
}

void run_thread_end(void* value) {
  if (thread_end) thread_end(value);
}

// What the C library refused: asked for again when the next thread comes, and said once each.
struct registration {
  bool (*ask)() noexcept;
  const char* event;
  const char* meanwhile;
  std::uint32_t state;  // enum below; atomic
};
enum : std::uint32_t { missing, asking, had, missing_and_said };

void say_refused(const char* event, const char* meanwhile) noexcept {
  report(GS_REPORT_NO_MEMORY, "the C library has no room for the hook that tells of %s: %s", event,
         meanwhile);
}

// Two threads may both create a key; one wins and the other's is deleted.
bool have_key(pthread_key_t* key) noexcept {
  std::uint32_t known = gs_load_relaxed(&key_plus_one);
  if (known == 0) {
    pthread_key_t fresh;
    if (pthread_key_create(&fresh, run_thread_end) != 0) return false;
    if (gs_compare_exchange(&key_plus_one, &known, static_cast<std::uint32_t>(fresh) + 1))
      known = fresh + 1;
    else
      pthread_key_delete(fresh);  // unused result: it is a key
  }
  *key = known - 1;
  return true;
}

constexpr const char* thread_ends = "the end of a thread";
constexpr const char* until_the_kernel_says = "what it leaves behind is taken over later";

registration registrations[] = {
    {[]() noexcept {
       pthread_key_t key;
       return have_key(&key);
     },
     thread_ends, until_the_kernel_says, missing},
    {[]() noexcept { return pthread_atfork(prepare, parent, child) == 0; }, "a fork",
     "a forked child may exec or _exit, and must not use the library", missing},
    {[]() noexcept { return add_unload_handler(&__dso_handle, run_exit_hooks); },
     "the end of the process", "nothing is waited for there", missing},
};
std::uint32_t refused_some;  // atomic

void ask_for(registration& r) noexcept {
  std::uint32_t before = gs_load_relaxed(&r.state);
  if (before == had || before == asking) return;
  if (!gs_compare_exchange(&r.state, &before, std::uint32_t{asking})) return;
  const bool got = r.ask();
  gs_store_relaxed(&r.state, std::uint32_t{got ? had : missing_and_said});
  if (got) return;
  gs_store_relaxed(&refused_some, 1u);
  if (before == missing) say_refused(r.event, r.meanwhile);
}

void ask_for_all() noexcept {
  gs_store_relaxed(&refused_some, 0u);
  for (registration& r : registrations) ask_for(r);
}

[[gnu::constructor(101)]] void start_hooks() noexcept { ask_for_all(); }

}  // namespace

void on_fork(const fork_hooks& hooks) noexcept { forks.add(hooks); }

bool forking() noexcept { return in_fork; }

void on_process_exit(int rank, void (*run)()) noexcept { exits.add({rank, run}); }

bool process_exiting() noexcept { return gs_load_relaxed(&exiting) != 0; }

bool arm_thread_exit(void* value) noexcept {
  keep_errno keep;
  if (GS_UNLIKELY(gs_load_relaxed(&refused_some) != 0)) ask_for_all();
  pthread_key_t key;
  if (have_key(&key) && pthread_setspecific(key, value) == 0) return true;
  say_refused(thread_ends, until_the_kernel_says);
  return false;
}

void on_thread_exit(void (*run)(void* value)) noexcept { thread_end = run; }

}  // namespace graceslab::os
