// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a trial's process has in memory.
#pragma once
#include <unistd.h>

#include <cstdio>

namespace graceslab::bench {

inline double resident_bytes() {
  std::FILE* f = std::fopen("/proc/self/statm", "r");
  if (f == nullptr) return 0;
  unsigned long total = 0, resident = 0;
  int n = std::fscanf(f, "%lu %lu", &total, &resident);
  std::fclose(f);
  return n == 2 ? static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) : 0;
}

// The most that was resident since the process began.
inline double peak_resident_bytes() {
  std::FILE* f = std::fopen("/proc/self/status", "r");
  if (f == nullptr) return 0;
  char line[256];
  unsigned long kib = 0;
  while (std::fgets(line, sizeof line, f) != nullptr)
    if (std::sscanf(line, "VmHWM: %lu", &kib) == 1) break;
  std::fclose(f);
  return static_cast<double>(kib) * 1024;
}

}  // namespace graceslab::bench
