// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace graceslab::lab {

progress::progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

progress::~progress() {
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
}

void progress::show(const std::string& text, bool always) {
  constexpr std::size_t width = 78;  // a longer line would wrap and stay
  if (terminal_)
    fmt::print(stderr, "\r\x1b[K{}", text.substr(0, width));
  else if (always)
    fmt::print(stderr, "lab: {}\n", text);
  std::fflush(stderr);
}

}  // namespace graceslab::lab
