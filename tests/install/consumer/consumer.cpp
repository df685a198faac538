// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <graceslab/cache.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <string_view>

#ifndef FOUND_VERSION
#define FOUND_VERSION GRACESLAB_VERSION_STRING
#endif
static_assert(std::string_view(GRACESLAB_VERSION_STRING) == FOUND_VERSION);
static_assert(GRACESLAB_VERSION >= 100 && GRACESLAB_VERSION < 200, "0.1");

int main() {
  if (std::string_view(gs_version()) != GRACESLAB_VERSION_STRING) return 4;
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
