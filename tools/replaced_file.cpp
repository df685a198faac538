// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "replaced_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "commands.hpp"

namespace graceslab::tool {
namespace {

[[noreturn]] void refuse(const std::string& file, std::string_view option, int error) {
  throw usage_error(fmt::format("{}: cannot write '{}': {}", option, file, std::strerror(error)));
}

// Where the bytes go first, and what they replace in the end.
class destination {
 public:
  destination(const std::string& file, std::string_view option) : file_(file), option_(option) {
    struct stat s;
    bool there = stat(file.c_str(), &s) == 0;
    if (there && S_ISDIR(s.st_mode)) refuse(file, option, EISDIR);
    if (there && !S_ISREG(s.st_mode)) {
      fd_ = open(file.c_str(), O_WRONLY | O_CLOEXEC);
    } else {
      if (there && access(file.c_str(), W_OK) != 0) refuse(file, option, errno);
      target_ = there ? resolved() : file;  // a link stays one
      beside_ = fmt::format("{}.{}.new", target_, getpid());
      fd_ = open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (fd_ >= 0 && there) (void)fchmod(fd_, s.st_mode & 07777);
    }
    if (fd_ < 0) refuse(file, option, errno);
  }
  ~destination() {
    if (fd_ >= 0) close(fd_);
    if (!beside_.empty()) unlink(beside_.c_str());
  }
  destination(const destination&) = delete;
  destination& operator=(const destination&) = delete;

  void write_all(std::string_view text) {
    while (!text.empty()) {
      ssize_t n = write(fd_, text.data(), text.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) refuse(file_, option_, n < 0 ? errno : ENOSPC);
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void commit() {
    if (!beside_.empty() && fsync(fd_) != 0) refuse(file_, option_, errno);
    if (close(std::exchange(fd_, -1)) != 0) refuse(file_, option_, errno);
    if (beside_.empty()) return;
    if (rename(beside_.c_str(), target_.c_str()) != 0) refuse(file_, option_, errno);
    beside_.clear();
  }

 private:
  std::string resolved() const {
    char path[PATH_MAX];
    if (realpath(file_.c_str(), path) == nullptr) refuse(file_, option_, errno);
    return path;
  }
  const std::string& file_;
  std::string_view option_;
  std::string target_, beside_;
  int fd_ = -1;
};

}  // namespace

void expect_writable(const std::string& file, std::string_view option) {
  destination probe(file, option);
}

void replace_file(const std::string& file, std::string_view option, std::string_view text) {
  destination d(file, option);
  d.write_all(text);
  d.commit();
}

}  // namespace graceslab::tool
