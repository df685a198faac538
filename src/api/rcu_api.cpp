// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers, grace periods, callbacks, owners and domains for programs: translation and nothing else.
#include <errno.h>
#include <graceslab/detail/abi.h>

#include "os/config.hpp"
#include "os/report.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/owner.hpp"
#include "rcu/synchronize.hpp"

namespace os = graceslab::os;
namespace rcu = graceslab::rcu;
using rcu::effort;
using rcu::with_domain;

const char* gs_version(void) { return GRACESLAB_VERSION_STRING; }
void gs_panic(const char* why) { os::panic(why); }

void gs_owner_attach(void* dso_handle, uint32_t layout_version) {
  rcu::attach_module(dso_handle, layout_version);
}
void gs_owner_leave(void* dso_handle) { rcu::leave_module(dso_handle); }
struct gs_owner* gs_owner_create(const char* name) {
  return rcu::create_owner(name);
}
unsigned long gs_owner_settle(struct gs_owner* owner) { return rcu::settle_owner(owner); }
void gs_owner_destroy(struct gs_owner* owner) { rcu::destroy_owner(owner); }
int gs_owner_protection(int on) { return gs_exchange(&os::settings.owner_protection, on != 0); }

void gs_domain_read_lock(struct gs_domain* domain) {
  if (domain)
    rcu::enter(rcu::ref_of(domain));
  else
    gs_read_lock();
}
void gs_domain_read_unlock(struct gs_domain* domain) {
  if (domain)
    rcu::leave(rcu::ref_of(domain));
  else
    gs_read_unlock();
}
int gs_read_held(struct gs_domain* domain) {
  return static_cast<int>(rcu::levels_held(rcu::ref_of(domain)));
}
int gs_domain_down_read(struct gs_domain* domain) {
  return rcu::enter_by_token(rcu::ref_of(domain));
}
void gs_domain_up_read(struct gs_domain* domain, int token) {
  rcu::leave_by_token(rcu::ref_of(domain), token);
}
void gs_read_lock(void) {
  gs_reader_enter(gs_tls.reader, &gs_default_hot.entry, gs_read_lock_slow);
}
void gs_read_unlock(void) { gs_reader_leave(gs_tls.reader, gs_read_unlock_slow); }

void gs_synchronize(struct gs_domain* domain) {
  with_domain(domain, "synchronize", [](gs_domain* d) { rcu::synchronize(d, effort::normal); });
}
void gs_synchronize_expedited(struct gs_domain* domain) {
  with_domain(domain, "synchronize", [](gs_domain* d) { rcu::synchronize(d, effort::expedited); });
}
uint64_t gs_gp_state(struct gs_domain* domain) {
  uint64_t cookie = 0;
  with_domain(domain, "gp_state", [&](gs_domain* d) { cookie = rcu::snapshot(d); });
  return cookie;
}
uint64_t gs_gp_start_poll(struct gs_domain* domain) {
  uint64_t cookie = 0;
  with_domain(domain, "gp_start_poll", [&](gs_domain* d) { cookie = rcu::start_polled(d); });
  return cookie;
}
// A domain that is gone has no readers.
int gs_gp_poll(struct gs_domain* domain, uint64_t cookie) {
  bool done = true;
  with_domain(domain, "gp_poll", [&](gs_domain* d) { done = rcu::poll(d, cookie); });
  return done;
}
void gs_gp_cond_synchronize(struct gs_domain* domain, uint64_t cookie) {
  with_domain(domain, "cond_synchronize", [=](gs_domain* d) { rcu::cond_synchronize(d, cookie); });
}

void gs_call_rcu(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                 void* owner) {
  rcu::call(rcu::ref_of(domain), head, func, owner);
}
void gs_call_rcu_hurry(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                       void* owner) {
  rcu::call_hurry(rcu::ref_of(domain), head, func, owner);
}
int gs_rcu_claim(struct gs_domain* domain, struct rcu_head* head) {
  return rcu::claim_head(rcu::ref_of(domain), head);
}
void gs_call_rcu_claimed(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                         void* owner) {
  rcu::call_claimed(rcu::ref_of(domain), head, func, owner);
}
void gs_rcu_barrier(struct gs_domain* domain) { with_domain(domain, "rcu_barrier", rcu::barrier); }

struct gs_domain* gs_domain_create(const struct gs_domain_options* options) {
  return rcu::create_domain(options);
}
int gs_domain_destroy(struct gs_domain* domain) { return rcu::destroy_domain(rcu::ref_of(domain)); }
int gs_domain_drain(struct gs_domain* domain, unsigned rounds, uint64_t timeout_ms,
                    void** rearming) {
  const void* func = nullptr;
  int result = -ENOENT;
  with_domain(domain, "drain",
              [&](gs_domain* d) { result = rcu::drain(d, rounds, timeout_ms, &func); });
  if (rearming) *rearming = const_cast<void*>(func);
  return result;
}
int gs_domain_close(struct gs_domain* domain) {
  int result = -ENOENT;
  with_domain(domain, "close", [&](gs_domain* d) { result = rcu::close_domain(d); });
  return result;
}
void gs_domain_reclaim_now(struct gs_domain* domain) {
  with_domain(domain, "reclaim_now", rcu::reclaim_now);
}
int gs_barrier_covers_retire(struct gs_domain* domain, int on) {
  bool before = false;
  with_domain(domain, "barrier_covers_retire",
              [&](gs_domain* d) { before = rcu::cover_retire(d, on != 0); });
  return before;
}
void gs_domain_limit_memory(struct gs_domain* domain, uint64_t bytes) {
  with_domain(domain, "memory limit", [=](gs_domain* d) { rcu::limit_memory(d, bytes); });
}
void gs_domain_read_memory(struct gs_domain* domain, struct gs_memory_use* use) {
  *use = {};
  with_domain(domain, nullptr, [=](gs_domain* d) {
    *use = {rcu::room(d).memory.used(), rcu::memory_limit(d)};
  });
}
void gs_domain_read_stats(struct gs_domain* domain, struct gs_domain_stats* stats) {
  *stats = {};
  with_domain(domain, nullptr, [=](gs_domain* d) { *stats = rcu::domain_stats(d); });
}
