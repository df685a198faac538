// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Stores that miss every cache, so that what is stored after them is late on its way to memory.
#pragma once
#include <graceslab/detail/atomic.h>

#include <cstddef>
#include <vector>

namespace graceslab::torture {

class slow_stores {
 public:
  slow_stores() : cold_(words) {}
  void operator()() {
    for (unsigned i = 0; i != stores; ++i) {
      at_ = (at_ + step) % words;
      gs_store_relaxed(&cold_[at_], at_);
    }
  }

 private:
  // More than the caches near a core hold; a step is a line and a page on.
  static constexpr std::size_t words = std::size_t{2} << 20, step = 520;
  static constexpr unsigned stores = 24;
  std::vector<std::size_t> cold_;
  std::size_t at_ = 0;
};

}  // namespace graceslab::torture
