// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// debuggee ROLE: a program to be looked at by a debugger, with something of everything in flight.
// It says "ready" when all is as follows and stands still:
//
// - readers: "stays-inside" in the default domain, two deep; "stays-slow" in the domain 'slow'; a
//   token of 'slow'
// - cache 'sessions': 4 allocated, 3 retired and 2 free, all in main's arrays
// - cache 'owned': as a debug cache, 1 allocated by allocate_owned(), 1 freed
// - cache 'lingers': destroyed by destroy_it() with 2 objects allocated and 1 retired
// - cache 'shared': two of that name
// - typed cache 'routes': 1 allocated, 1 retired under a hazard pointer that protects it
// - callbacks: 2 x on_gone in the default domain, one of them with an object of 'sessions'
//
// Roles: waits, until its standard input ends; aborts, at once.
#include <graceslab/kernel/slab.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <graceslab/cache.hpp>
#include <graceslab/hazard_pointer.hpp>
#include <graceslab/teardown.hpp>
#include <optional>
#include <string>
#include <thread>

struct session {
  rcu_head rcu;
  char bytes[100];
};
struct route;
struct ender {
  void operator()(route* r) const noexcept;
};
struct route : graceslab::hazard_pointer_obj_base<route, ender> {
  int hops = 0;
};

// What the test asks the debugger to print.
kmem_cache *sessions, *owned, *lingers, *stale, *none;
session* allocated[4];
session* retired[3];
session* freed[2];
session* posted;
void* owned_object;
graceslab::cache<route>* routes;
route* protected_route;
graceslab::rcu_domain* slow;
gs_domain *slow_handle, *default_handle;
std::optional<graceslab::rcu_token> token_of_slow;
std::optional<graceslab::hazard_pointer> protector;
std::optional<graceslab::owner_token> plugin;
kmem_cache_cookie_t lingering_cookie, done_cookie;
graceslab::rcu_pointer<route> best;

void ender::operator()(route* r) const noexcept { routes->release(r); }

namespace {

std::atomic<bool> stop{false};
std::atomic<int> inside{0};
rcu_head loose;

void on_gone(rcu_head*) {}

[[gnu::noinline]] void stay() {
  ++inside;
  while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

void stay_inside() {
  pthread_setname_np(pthread_self(), "stays-inside");
  rcu_read_lock();
  rcu_read_lock();
  stay();
  rcu_read_unlock();
  rcu_read_unlock();
}

void stay_slow() {
  pthread_setname_np(pthread_self(), "stays-slow");
  slow->lock();
  stay();
  slow->unlock();
}

session* take(kmem_cache* from) {
  return static_cast<session*>(kmem_cache_alloc(from, GFP_KERNEL));
}

[[gnu::noinline]] void* allocate_owned() {
  void* object = kmem_cache_alloc(owned, GFP_KERNEL);
  if (object == nullptr) std::abort();
  return object;
}

[[gnu::noinline]] void destroy_it(kmem_cache* s) {
  lingering_cookie = kmem_cache_destroy_rcu(s);
  if (lingering_cookie == 0) std::abort();
}

void fill_sessions() {
  sessions = kmem_cache_create("sessions", sizeof(session), 0, 0, nullptr);
  posted = take(sessions);
  for (session*& s : allocated) s = take(sessions);
  for (session*& s : retired) s = take(sessions);
  for (session*& s : freed) s = take(sessions);
  for (session* s : retired) kfree_rcu(s, rcu);
  for (session* s : freed) kmem_cache_free(sessions, s);
  call_rcu(&posted->rcu, on_gone);
  call_rcu(&loose, on_gone);
}

void fill_owned() {
  owned = kmem_cache_create("owned", 64, 0, SLAB_STORE_USER, nullptr);
  kmem_cache_free(owned, allocate_owned());
  owned_object = allocate_owned();
}

void fill_lingers() {
  stale = kmem_cache_create("gone", 64, 0, 0, nullptr);
  done_cookie = kmem_cache_destroy_rcu(stale);
  lingers = kmem_cache_create("lingers", sizeof(session), 0, 0, nullptr);
  take(lingers);
  take(lingers);
  session* third = take(lingers);
  kfree_rcu(third, rcu);
  destroy_it(lingers);
}

void fill_routes() {
  (void)kmem_cache_create("shared", 32, 0, 0, nullptr);
  (void)kmem_cache_create("shared", 32, 0, 0, nullptr);
  routes = new graceslab::cache<route>("routes");
  best.store(routes->make());
  std::atomic<route*> source{routes->make()};
  protector.emplace(graceslab::make_hazard_pointer());
  protected_route = protector->protect(source);
  source = nullptr;
  protected_route->retire();
}

}  // namespace

int main(int, char** arguments) {
  const std::string role = arguments[1] != nullptr ? arguments[1] : "";
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);  // where only a parent may attach otherwise
  slow = new graceslab::rcu_domain(graceslab::rcu_domain::options{.name = "slow"});
  slow_handle = slow->native_handle();
  token_of_slow.emplace(*slow);
  plugin.emplace("a plug-in");
  std::thread one(stay_inside), two(stay_slow);
  while (inside != 2) std::this_thread::yield();
  fill_sessions();
  fill_owned();
  fill_lingers();
  fill_routes();
  (void)start_poll_synchronize_rcu();
  if (role == "aborts") std::abort();
  std::puts("ready");
  std::fflush(stdout);
  char c;
  while (read(STDIN_FILENO, &c, 1) > 0) {
  }
  _exit(0);  // leaves all of it as it is
}
