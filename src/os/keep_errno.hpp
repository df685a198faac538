// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// free, retire and call_rcu keep errno (contract R6), so everything in this layer does.
#pragma once
#include <cerrno>

namespace graceslab::os {

class keep_errno {
 public:
  keep_errno() noexcept : kept_(errno) {}
  ~keep_errno() { errno = kept_; }
  keep_errno(const keep_errno&) = delete;
  keep_errno& operator=(const keep_errno&) = delete;

 private:
  int kept_;
};

}  // namespace graceslab::os
