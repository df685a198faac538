// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The order of addresses, for sorting. Without an order of ours, a sort of plain pointers is a
// function in the shared object of libc++ 14, which the library does not link.
#pragma once
#include <cstdint>

namespace graceslab::base {

struct by_address {
  bool operator()(const void* a, const void* b) const noexcept {
    return reinterpret_cast<std::uintptr_t>(a) < reinterpret_cast<std::uintptr_t>(b);
  }
};

}  // namespace graceslab::base
