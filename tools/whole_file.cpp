// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "whole_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "commands.hpp"

namespace graceslab::tool {
namespace {

class descriptor {
 public:
  explicit descriptor(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (fd_ < 0) throw usage_error(fmt::format("cannot open {}: {}", path, std::strerror(errno)));
  }
  ~descriptor() { close(fd_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string whole_file(const std::string& path) {
  descriptor file(path);
  std::string text;
  struct stat s;
  if (fstat(file.get(), &s) == 0 && S_ISREG(s.st_mode))
    text.reserve(static_cast<std::size_t>(s.st_size) + 1);
  char buffer[1 << 16];
  for (;;) {
    ssize_t n = read(file.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw usage_error(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

}  // namespace graceslab::tool
