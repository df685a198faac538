// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/small_file.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/keep_errno.hpp"

namespace graceslab::os {

std::size_t read_small_file(const char* path, char* text, std::size_t bytes) noexcept {
  keep_errno keep;
  // System calls: open() and read() are cancellation points.
  const long file = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  long length = file < 0 ? 0 : syscall(SYS_read, file, text, bytes - 1);
  if (file >= 0) syscall(SYS_close, file);  // unused result: it was only read
  if (length < 0) length = 0;
  text[length] = '\0';
  return static_cast<std::size_t>(length);
}

}  // namespace graceslab::os
