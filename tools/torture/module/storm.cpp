// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module that leaves its work behind: callbacks that post themselves again, and retired objects
// whose destructors are its own. It never settles; its unloading has to.
#include <graceslab/kernel/rcupdate.h>
#include <time.h>

#include <graceslab/cache.hpp>

#include "../storm_module.hpp"

namespace graceslab::torture {
namespace {

storm_orders orders;

struct link {
  rcu_head head;
  std::uint64_t left;  // one callback at a time touches it
};
link links[storm_heads];

std::int64_t now_ns() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

void work() {
  gs_fetch_add(orders.ran, std::uint64_t{1});
  const std::int64_t until = now_ns() + std::int64_t{orders.busy_us} * 1000;
  while (now_ns() < until) gs_cpu_relax();
}

void run_link(rcu_head* head);
void post(link& l) {
  orders.hurry ? call_rcu_hurry(&l.head, run_link) : call_rcu(&l.head, run_link);
}
void run_link(rcu_head* head) {
  work();
  auto& l = *reinterpret_cast<link*>(head);
  if (orders.links == 0 || --l.left != 0) post(l);
}

struct object {
  ~object() { gs_fetch_add(orders.ran, std::uint64_t{1}); }
  std::uint64_t words[4];
};

void retire_some() {
  static cache<object> objects("torture.module");
  for (unsigned i = 0; i != orders.objects; ++i) objects.retire(objects.make());
}

bool start(const storm_orders* given) {
  orders = *given;
  for (unsigned i = 0; i != orders.heads && i != storm_heads; ++i) {
    links[i].left = orders.links;
    post(links[i]);
  }
  if (orders.objects != 0) retire_some();
  return true;
}

}  // namespace
}  // namespace graceslab::torture

extern "C" __attribute__((visibility("default"))) const graceslab::torture::storm_api*
storm_module_entry() {
  static constexpr graceslab::torture::storm_api api = {graceslab::torture::start};
  return &api;
}
