// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A program written for the standard's <rcu> and <hazard_pointer>, by whichever library has it.
#include <atomic>
#include <graceslab/std/into_std.hpp>
#include <memory>
#include <mutex>
#include <version>

#if !defined(__cpp_lib_rcu) || __cpp_lib_rcu < 202306L
#error the macro is missing
#endif
#if !defined(__cpp_lib_hazard_pointer) || __cpp_lib_hazard_pointer < 202306L
#error the macro is missing
#endif

struct guarded : std::hazard_pointer_obj_base<guarded> {
  int value = 7;
};

struct node : std::rcu_obj_base<node> {
  std::shared_ptr<int> counter;
  ~node() { ++*counter; }
};

static bool protects() {
  std::atomic<guarded*> current = new guarded;
  std::hazard_pointer h = std::make_hazard_pointer(), other;
  guarded* p = h.protect(current);
  current.exchange(nullptr)->retire();
  std::swap(h, other);
  return p->value == 7 && h.empty();
}

int main() {
  if (!protects()) return 3;
  auto counter = std::make_shared<int>(0);
  auto* n = new node;
  n->counter = counter;
  {
    std::scoped_lock<std::rcu_domain> region(std::rcu_default_domain());
    n->retire();
    std::rcu_retire(new int(1));
    if (*counter != 0) return 1;
  }
  std::rcu_synchronize();
  std::rcu_barrier();
  return *counter == 1 ? 0 : 2;
}
