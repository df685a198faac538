// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A strict C++20 program over every public header, both faces in one unit.
#include <graceslab/kernel/rcupdate.h>
#include <graceslab/kernel/slab.h>

#include <graceslab/cache.hpp>
#include <graceslab/error.hpp>
#include <graceslab/rcu.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <memory>
#include <mutex>
#include <string>

struct user : graceslab::rcu_obj_base<user> {
  std::string name = "somebody";
};
struct over_aligned {
  alignas(256) char bytes[256];
};
struct move_only {
  std::unique_ptr<int> p;
  explicit move_only(std::unique_ptr<int> q) : p(std::move(q)) {}
};

static int typed_caches() {
  graceslab::cache<over_aligned> wide("wide");
  graceslab::cache<move_only> moving("moving");
  over_aligned* w = wide.make();
  move_only* m = moving.try_make(std::make_unique<int>(7));
  if (m == nullptr || *m->p != 7 || reinterpret_cast<std::uintptr_t>(w) % 256 != 0) return 1;
  wide.release(w);
  moving.retire(m);
  if (moving.barrier() != graceslab::errc::ok || graceslab::stats(moving).live != 0) return 2;
  return wide.destroy().code == graceslab::errc::ok ? 0 : 3;
}

static int standard_names() {
  std::scoped_lock section(graceslab::rcu_default_domain());  // a lockable, as the standard has it
  (new user)->retire();
  graceslab::rcu_retire(new user);
  graceslab::rcu_retire(new int(1), [](int* p) { delete p; });
  return gs_read_held(nullptr) == 1 ? 0 : 4;
}

static int own_domain() {
  graceslab::rcu_domain domain(graceslab::rcu_domain::options{});
  { graceslab::rcu_reader section(domain); }
  (new user)->retire({}, domain);
  graceslab::rcu_barrier(domain);
  graceslab::retire_barrier(domain);
  return domain.close() == graceslab::errc::ok ? 0 : 5;
}

int main() {
  int failed = typed_caches();
  if (failed == 0) failed = standard_names();
  if (failed == 0) failed = own_domain();
  rcu_read_lock();
  rcu_read_unlock();
  ::rcu_barrier();
  graceslab::rcu_barrier();
  return failed != 0 ? failed : graceslab::destroy_barrier() == graceslab::errc::ok ? 0 : 6;
}
