// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A program that plays the one role that its argument names, and says that it goes on.
#pragma once
#include <cstdio>
#include <span>
#include <string_view>

struct role {
  std::string_view name;
  void (*play)();
};

// What main() returns; 2: there is no such role.
inline int play_named(std::span<const role> roles, int argc, char** argv) {
  for (const role& r : roles)
    if (argc == 2 && r.name == argv[1]) {
      r.play();
      std::puts("goes on");
      return 0;
    }
  return 2;
}
