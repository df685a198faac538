// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "metrics/replaced_file.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "commands.hpp"

namespace graceslab::tool::metrics {
namespace {

constexpr mode_t for_all = 0644;  // whoever collects is another user as a rule

bool write_all(int file, const std::string& text) {
  std::size_t done = 0;
  while (done != text.size()) {
    const ssize_t n = write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

void replace_file(const std::string& path, const std::string& text) {
  std::string beside = path + ".XXXXXX";  // no collector takes it: it does not end in .prom
  const int file = mkstemp(beside.data());
  bool good = file >= 0;
  if (good) {
    good = write_all(file, text) && fchmod(file, for_all) == 0;
    good = close(file) == 0 && good;
    good = good && std::rename(beside.c_str(), path.c_str()) == 0;
  }
  if (good) return;
  const int why = errno;
  if (file >= 0) (void)unlink(beside.c_str());
  throw usage_error(fmt::format("cannot write {}: {}", path, std::strerror(why)));
}

}  // namespace graceslab::tool::metrics
