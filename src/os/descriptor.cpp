// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/descriptor.hpp"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/keep_errno.hpp"

namespace graceslab::os {

int write_all(int file, const char* text, std::size_t bytes) noexcept {
  keep_errno keep;
  while (bytes != 0) {
    const long n = syscall(SYS_write, file, text, bytes);
    if (n < 0 && errno != EINTR) return -errno;
    if (n <= 0) continue;
    text += n;
    bytes -= static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace graceslab::os
