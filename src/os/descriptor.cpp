// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/descriptor.hpp"

#include <errno.h>
#include <fcntl.h>
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

int create_file(const char* path, int* error) noexcept {
  keep_errno keep;
  constexpr int for_the_user = 0600;
  const long file =
      syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, for_the_user);
  if (file < 0) *error = -errno;
  return static_cast<int>(file);
}

void close_file(int file) noexcept {
  keep_errno keep;
  syscall(SYS_close, file);  // unused result: nothing can be done about it
}

}  // namespace graceslab::os
