// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers, grace periods, callbacks, owners and domains for programs: translation and nothing else.
#include <graceslab/detail/abi.h>

#include "os/config.hpp"
#include "os/report.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/owner.hpp"
#include "rcu/synchronize.hpp"

namespace os = graceslab::os;
namespace rcu = graceslab::rcu;
using rcu::or_default;

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
    rcu::enter(domain);
  else
    gs_read_lock();
}
void gs_domain_read_unlock(struct gs_domain* domain) {
  if (domain)
    rcu::leave(domain);
  else
    gs_read_unlock();
}
int gs_read_held(struct gs_domain* domain) {
  return static_cast<int>(rcu::reader_nesting(or_default(domain)));
}
void gs_read_lock(void) {
  gs_reader_enter(gs_tls.reader, &gs_default_hot.entry, gs_read_lock_slow);
}
void gs_read_unlock(void) { gs_reader_leave(gs_tls.reader, gs_read_unlock_slow); }

void gs_synchronize(struct gs_domain* domain) {
  rcu::synchronize(or_default(domain), rcu::effort::normal);
}
void gs_synchronize_expedited(struct gs_domain* domain) {
  rcu::synchronize(or_default(domain), rcu::effort::expedited);
}
uint64_t gs_gp_state(struct gs_domain* domain) { return rcu::snapshot(or_default(domain)); }
uint64_t gs_gp_start_poll(struct gs_domain* domain) {
  return rcu::start_polled(or_default(domain));
}
int gs_gp_poll(struct gs_domain* domain, uint64_t cookie) {
  return rcu::poll(or_default(domain), cookie);
}
void gs_gp_cond_synchronize(struct gs_domain* domain, uint64_t cookie) {
  rcu::cond_synchronize(or_default(domain), cookie);
}

void gs_call_rcu(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                 void* owner) {
  rcu::call(or_default(domain), head, func, owner);
}
void gs_call_rcu_hurry(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                       void* owner) {
  rcu::call_hurry(or_default(domain), head, func, owner);
}
int gs_rcu_claim(struct gs_domain* domain, struct rcu_head* head) {
  return rcu::claim_head(or_default(domain), head);
}
void gs_call_rcu_claimed(struct gs_domain* domain, struct rcu_head* head, rcu_callback_t func,
                         void* owner) {
  rcu::call_claimed(or_default(domain), head, func, owner);
}
void gs_rcu_barrier(struct gs_domain* domain) { rcu::barrier(or_default(domain)); }

struct gs_domain* gs_domain_create(const struct gs_domain_options* options) {
  return rcu::create_domain(options);
}
int gs_domain_destroy(struct gs_domain* domain) { return rcu::destroy_domain(or_default(domain)); }
int gs_domain_drain(struct gs_domain* domain, unsigned rounds, uint64_t timeout_ms,
                    void** rearming) {
  const void* func = nullptr;
  const int result = rcu::drain(or_default(domain), rounds, timeout_ms, &func);
  if (rearming) *rearming = const_cast<void*>(func);
  return result;
}
int gs_domain_close(struct gs_domain* domain) { return rcu::close_domain(or_default(domain)); }
void gs_domain_reclaim_now(struct gs_domain* domain) { rcu::reclaim_now(or_default(domain)); }
int gs_barrier_covers_retire(struct gs_domain* domain, int on) {
  return rcu::cover_retire(or_default(domain), on != 0);
}
void gs_domain_limit_memory(struct gs_domain* domain, uint64_t bytes) {
  rcu::limit_memory(or_default(domain), bytes);
}
void gs_domain_read_memory(struct gs_domain* domain, struct gs_memory_use* use) {
  gs_domain* d = or_default(domain);
  *use = {rcu::room(d).memory.used(), rcu::memory_limit(d)};
}
void gs_domain_read_stats(struct gs_domain* domain, struct gs_domain_stats* stats) {
  *stats = rcu::domain_stats(or_default(domain));
}
