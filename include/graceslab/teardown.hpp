// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting for caches that were destroyed asynchronously, and owners: whose code may still run.
#pragma once
#include <string>

#include "cache.hpp"

namespace graceslab {

/// Waits for every earlier asynchronous or lingering destroy, but for SLAB_DESTROY_ONCE_FULLY_FREED
/// caches (A9). Does not wait for caches that are open. Not inside a reader or callback: reported,
/// errc::would_deadlock. Blocks. errc::busy once the splat limit passed for one of them; a cache
/// already splatted is not waited for again.
inline errc destroy_barrier() noexcept { return to_errc(gs_cache_destroy_barrier()); }

/// The same for one cache; a cookie may be waited for any number of times.
inline errc destroy_barrier(kmem_cache_cookie_t cookie) noexcept {
  return to_errc(gs_cache_destroy_barrier_one(cookie));
}

/// A finer owner than a shared object: callbacks and caches posted under its token can be settled
/// together.
class owner_token {
 public:
  /// Throws std::bad_alloc when memory runs out.
  explicit owner_token(const char* name) : owner_(gs_owner_create(name)) {
    if (owner_ == nullptr) detail::fail<std::bad_alloc>("no memory for an owner");
  }
  /// Settles what is left (waits), then ends the token.
  ~owner_token() { gs_owner_destroy(owner_); }
  owner_token(const owner_token&) = delete;
  owner_token& operator=(const owner_token&) = delete;

  /// Queues a callback of this owner. Never blocks, needs no memory.
  void call(rcu_head* head, rcu_callback_t func,
            rcu_domain& domain = rcu_default_domain()) noexcept {
    gs_call_rcu(domain.native_handle(), head, func, owner_);
  }
  /// The same for a functor, which runs as f(). Allocates a small node: throws std::bad_alloc, or
  /// what copying or moving `f` throws; nothing is posted then.
  template <class F>
  [[gnu::visibility("hidden")]] void call(F&& f, rcu_domain& domain = rcu_default_domain()) {
    const detail::domain_queue queue{domain.native_handle(), owner_};
    detail::post<std::decay_t<F>>("no memory for a callback", queue, std::forward<F>(f));
  }
  /// Waits until no callback of this owner is queued or running and its caches are settled. Does
  /// not wait for other owners, even for a blocked callback that stands ahead in the queue. Returns
  /// how many posts had to be refused.
  unsigned long settle() noexcept { return gs_owner_settle(owner_); }
  void* native_handle() const noexcept { return owner_; }

 private:
  gs_owner* owner_;
};

}  // namespace graceslab
