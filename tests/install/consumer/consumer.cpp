// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>

int main() {
  graceslab::cache<long> numbers("numbers");
  graceslab::rcu_pointer<long> shared(numbers.make(7));
  long seen = 0;
  {
    graceslab::rcu_reader section;
    seen = *shared.load();
  }
  numbers.retire(shared.exchange(nullptr));
  if (numbers.barrier() != graceslab::errc::ok) return 1;
  if (numbers.destroy().code != graceslab::errc::ok) return 2;
  return seen == 7 ? 0 : 3;
}
