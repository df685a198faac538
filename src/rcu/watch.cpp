// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/callbacks.md, claim 5
#include "rcu/watch.hpp"

#include "base/format.hpp"
#include "rcu/domain.hpp"
#include "rcu/grant.hpp"

namespace graceslab::rcu {

std::uint32_t watches;

namespace {

constinit sync::mutex list_lock{sync::rank::leaf};
watch* first;           // guarded by list_lock, as all below
std::uint64_t numbers;  // given so far
__thread watch* mine __attribute__((tls_model("initial-exec")));

// Whoever began to run a callback without having seen the watch is in a record by now.
void pass_all_locks() noexcept {
  for (gs_domain* d = first_domain(); d; d = next_domain(d)) recall_all(d);
  sync::lock_guard guard(runners_lock);
}

}  // namespace

watch::watch(const whose& owner, bool unloads) noexcept
    : of(owner), unloading(unloads), outer_(mine) {
  mine = this;
  {
    sync::lock_guard guard(list_lock);
    next_ = first;
    first = this;
    gs_store_relaxed(&watches, watches + 1);
  }
  pass_all_locks();
}

watch::~watch() {
  mine = outer_;
  sync::lock_guard guard(list_lock);
  watch** at = &first;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
  gs_store_relaxed(&watches, watches - 1);
}

std::uint64_t watch::newest() const noexcept {
  sync::lock_guard guard(list_lock);
  return newest_;
}

std::uint64_t newest_invocation() noexcept {
  sync::lock_guard guard(list_lock);
  return numbers;
}

void number_invocation(runner& r) noexcept {
  sync::lock_guard guard(list_lock);
  // ORDER callbacks.returned <-> callbacks.look   (docs/ordering/callbacks.md, claim 16)
  gs_store_release(&r.number, ++numbers);
  for (watch* w = first; w; w = w->next_)
    if (runs_one(r, of_owner(w->of))) w->newest_ = numbers;
}

void describe_settlers(const runner& r, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  sync::lock_guard guard(list_lock);
  for (const watch* w = first; w; w = w->next_)
    if (runs_one(r, of_owner(w->of)))
      out.add("; %s %s waits for it%s", w->unloading ? "unloading" : "settling", w->of.name,
              w->unloading ? ": the object stays mapped until it returns, and dlclose() holds the "
                             "loader's lock meanwhile: settle the module before it"
                           : "");
}

bool runs_one(const runner& r, const those& which) noexcept {
  // ORDER callbacks.look <-> callbacks.returned   (docs/ordering/callbacks.md, claim 16)
  const void* func = gs_load_acquire(&r.func);
  if (!func) return false;
  const void* of = gs_load_acquire(&r.owner);
  if (which.by_owner && of == unknown_owner()) return true;
  return which.has(of, func, gs_load_acquire(&r.head));
}

void lock_watches() noexcept { list_lock.lock(); }
void unlock_watches() noexcept { list_lock.unlock(); }

// Only those on this thread's stack are left.
void watches_after_fork_in_child() noexcept {
  list_lock.reset_in_child();
  first = nullptr;
  watches = 0;
  for (watch* w = mine; w; w = w->outer_) {
    w->next_ = first;
    first = w;
    ++watches;
  }
}

}  // namespace graceslab::rcu
