// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A program written for the standard's <rcu>, by whichever library has it.
#include <graceslab/std/into_std.hpp>
#include <memory>
#include <mutex>
#include <version>

#if !defined(__cpp_lib_rcu) || __cpp_lib_rcu < 202306L
#error the macro is missing
#endif

struct node : std::rcu_obj_base<node> {
  std::shared_ptr<int> counter;
  ~node() { ++*counter; }
};

int main() {
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
