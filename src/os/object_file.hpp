// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The file of a loaded object, to read from. It may be another one by now, or be cut short while it
// is read, so it is never mapped.
#pragma once
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "os/keep_errno.hpp"

namespace graceslab::os {

class object_file {
 public:
  // System calls: open() and pread() are cancellation points.
  explicit object_file(const char* path) noexcept
      : file_(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~object_file() {
    if (file_ >= 0) syscall(SYS_close, file_);  // unused result: it was only read
  }
  object_file(const object_file&) = delete;
  object_file& operator=(const object_file&) = delete;

  std::size_t read(std::uint64_t from, void* to, std::size_t bytes) const noexcept {
    const long got = file_ < 0 ? -1 : syscall(SYS_pread64, file_, to, bytes, from);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  template <class T>
  bool read_one(std::uint64_t from, T* to) const noexcept {
    return read(from, to, sizeof *to) == sizeof *to;
  }

 private:
  keep_errno keep_;
  long file_;
};

}  // namespace graceslab::os
