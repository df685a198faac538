// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A process with many threads forks at any moment; the child has one thread and must get along.
#include <graceslab/kernel/slab.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <graceslab/rcu.hpp>
#include <thread>

#include "phases.hpp"

namespace graceslab::torture {
namespace {

constexpr unsigned child_seconds = 10;

struct object {
  rcu_head head;
  std::uint64_t word;
};

void bump(rcu_head* head) {
  auto* o = reinterpret_cast<object*>(head);
  gs_fetch_add(&o->word, std::uint64_t{1});
}

// Everything that another thread might have been in the middle of. What was pending in the parent
// is pending here too, and is waited for here as there.
void live_on(session& s, kmem_cache* cache) {
  object call = {{}, 0};
  call_rcu(&call.head, bump);
  {
    rcu_reader section;
    for (int i = 0; i != 500; ++i) {
      auto* o = static_cast<object*>(kmem_cache_alloc(cache, GFP_KERNEL));
      if (o == nullptr) return s.fail(trouble::fork, "no memory");
      if (i % 2 != 0)
        kfree_rcu(o, head);
      else
        kmem_cache_free(cache, o);
    }
  }
  synchronize_rcu();
  kfree_rcu_barrier();
  graceslab::rcu_barrier();
  if (gs_load_acquire(&call.word) != 1)
    s.fail(trouble::fork, "the callback ran {} times", gs_load_acquire(&call.word));
  gs_cache_stats counts = {};
  (void)gs_cache_read_stats(cache, &counts);
  if (counts.reclaimed != counts.retired)
    s.fail(trouble::fork, "{} retired, {} reclaimed", counts.retired, counts.reclaimed);
  if (kmem_cache_destroy_wait(cache) != 0) s.fail(trouble::fork, "the cache did not go");
}

[[maybe_unused]] bool fork_round(worker& w, kmem_cache* cache) {
  w.doing("forking");
  // The worker itself has something pending of either sort.
  auto* o = static_cast<object*>(kmem_cache_alloc(cache, GFP_KERNEL));
  if (o != nullptr) kfree_rcu(o, head);
  pid_t child = fork();
  if (child == 0) {
    alarm(child_seconds);
    w.all.now_in_child();
    live_on(w.all, cache);
    _exit(0);
  }
  w.doing("waiting for a forked child");
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child)
    w.all.fail(trouble::fork, "cannot fork");
  else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    w.all.fail(trouble::fork, "a forked child ended with {} {}",
               WIFSIGNALED(status) ? "signal" : "status",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  w.count("forks");
  w.doing("between forks");
  for (int i = 0; i != 40 && !w.all.stopping(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return w.all.more(w);
}

class fork_phase : public phase {
 public:
  explicit fork_phase([[maybe_unused]] session& s)
      : cache_(kmem_cache_create("torture.fork", sizeof(object), 0, 0, nullptr)) {
    if (cache_ == nullptr) throw std::bad_alloc();
#if !defined(__SANITIZE_THREAD__)  // which cannot follow a fork of many threads
    s.add_worker("forker", [this](worker& w) { return fork_round(w, cache_); });
#endif
  }
  ~fork_phase() override { (void)kmem_cache_destroy_wait(cache_); }

 private:
  kmem_cache* cache_;
};

}  // namespace

std::unique_ptr<phase> make_forks(session& s) { return std::make_unique<fork_phase>(s); }

}  // namespace graceslab::torture
