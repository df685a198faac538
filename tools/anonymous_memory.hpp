// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Of this process.
#pragma once
#include <cstdint>
#include <cstdio>
#include <optional>

namespace graceslab::tool {

// What is resident, from the page tables: the counts in /proc/self/status lag behind by up to 64
// pages a thread. Nothing where /proc/self/smaps_rollup cannot be read.
inline std::optional<std::uint64_t> anonymous_bytes() {
  std::FILE* f = std::fopen("/proc/self/smaps_rollup", "r");
  if (f == nullptr) return std::nullopt;
  std::uint64_t kilobytes = 0;
  bool found = false;
  char line[256];
  while (!found && std::fgets(line, sizeof line, f) != nullptr)
    found = std::sscanf(line, "Anonymous: %lu kB", &kilobytes) == 1;
  std::fclose(f);
  if (!found) return std::nullopt;
  return kilobytes * 1024;
}

}  // namespace graceslab::tool
