// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Room for text that is not on the caller's stack, of which there may be 16 KiB in all.
#pragma once
#include <cstddef>

namespace graceslab::os {

// One of a few static buffers. Whoever finds them all taken, as a handler that interrupted many of
// their users, makes do with the few bytes in here.
class scratch {
 public:
  scratch() noexcept;
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  char* text() noexcept { return text_; }
  std::size_t bytes() const noexcept { return bytes_; }

  static constexpr std::size_t most_bytes = 4096;

 private:
  int taken_ = -1;
  std::size_t bytes_;
  char* text_;
  char few_[512];
};

}  // namespace graceslab::os
