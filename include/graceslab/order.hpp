// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The standard's words for orders, which users of the C++ face write, in those of detail/atomic.h.
#pragma once
#include <atomic>

#include "error.hpp"

namespace graceslab::detail {

constexpr int order(std::memory_order o) noexcept { return static_cast<int>(o); }

}  // namespace graceslab::detail
