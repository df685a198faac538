// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/thread_sight.hpp"

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "os/clock.hpp"
#include "os/keep_errno.hpp"
#include "os/small_file.hpp"
#include "os/symbol.hpp"

namespace graceslab::os {
namespace {

using state = thread_sight::state;

std::size_t read_of_thread(std::uint32_t tid, const char* file, char* text,
                           std::size_t bytes) noexcept {
  char path[48];
  std::snprintf(path, sizeof path, "/proc/self/task/%u/%s", tid, file);
  return read_small_file(path, text, bytes);
}

// "Name:\tvalue" in a status file.
const char* field(const char* status, const char* name) noexcept {
  const char* at = std::strstr(status, name);
  return at ? at + std::strlen(name) : nullptr;
}

constexpr std::size_t status_bytes = 2048;

struct work {
  std::uint64_t cpu_ns = 0;
  std::uint64_t sleeps = 0;  // how often it gave its core away by itself
};

work work_of(std::uint32_t tid) noexcept {
  work done;
  char text[status_bytes];
  read_of_thread(tid, "schedstat", text, sizeof text);
  done.cpu_ns = std::strtoull(text, nullptr, 10);
  read_of_thread(tid, "status", text, sizeof text);
  if (const char* count = field(text, "\nvoluntary_ctxt_switches:\t"))
    done.sleeps = std::strtoull(count, nullptr, 10);
  return done;
}

// Memory of our own, but perhaps no more: a copy by the system fails where a load would crash.
std::size_t peek(std::uintptr_t from, void* to, std::size_t bytes) noexcept {
  const iovec here = {to, bytes}, there = {reinterpret_cast<void*>(from), bytes};
  const long copied = syscall(SYS_process_vm_readv, getpid(), &here, 1ul, &there, 1ul, 0ul);
  return copied > 0 ? static_cast<std::size_t>(copied) : 0;
}

// Does a call end just before this address?
bool follows_a_call(std::uintptr_t address) noexcept {
#if defined(__x86_64__)
  constexpr unsigned longest = 7;
  unsigned char code[longest];
  if (peek(address - longest, code, longest) != longest) return false;
  if (code[longest - 5] == 0xe8) return true;
  for (const unsigned length : {2u, 3u, 6u, 7u})
    if (code[longest - length] == 0xff && (code[longest - length + 1] & 0x38) == 0x10) return true;
  return false;
#elif defined(__aarch64__)
  std::uint32_t code;
  if (peek(address - sizeof code, &code, sizeof code) != sizeof code) return false;
  return code >> 26 == 0x25 || (code & 0xfffffc1f) == 0xd63f0000;
#else
  (void)address;
  return false;
#endif
}

}  // namespace

thread_sight see_thread(std::uint32_t tid) noexcept {
  thread_sight sight;
  char text[status_bytes];
  if (read_of_thread(tid, "syscall", text, sizeof text) != 0) {
    if (std::strncmp(text, "running", 7) == 0) {
      sight.now = state::runs;
      return sight;
    }
    sight.now = state::blocked;
    sight.call = std::strtol(text, nullptr, 10);
    char* last = std::strrchr(text, ' ');
    if (!last) return sight;
    sight.pc = std::strtoull(last + 1, nullptr, 16);
    *last = '\0';
    if (const char* before = std::strrchr(text, ' ')) sight.sp = std::strtoull(before, nullptr, 16);
    return sight;
  }
  read_of_thread(tid, "status", text, sizeof text);
  if (const char* letter = field(text, "\nState:\t"))
    sight.now = *letter == 'R' ? state::runs : state::blocked;
  return sight;
}

// That it runs is not enough: it may be on its way into a system call, and off its core there.
bool thread_computes(std::uint32_t tid) noexcept {
  constexpr std::uint64_t nap_us = 5000, enough_ns = 500'000;
  constexpr int naps = 20;
  const work before = work_of(tid);
  for (int i = 0; i < naps; ++i) {
    sleep_us(nap_us);
    const work now = work_of(tid);
    if (now.sleeps != before.sleeps) return false;
    if (now.cpu_ns >= before.cpu_ns + enough_ns) return see_thread(tid).now == state::runs;
  }
  return false;
}

bool thread_blocks_signal(std::uint32_t tid, int signal_number) noexcept {
  char text[status_bytes];
  read_of_thread(tid, "status", text, sizeof text);
  const char* mask = field(text, "\nSigBlk:\t");
  return !mask || (std::strtoull(mask, nullptr, 16) >> (signal_number - 1) & 1) != 0;
}

stack scan_stack(const thread_sight& sight) noexcept {
  keep_errno keep;
  stack found;
  if (sight.pc == 0 || sight.sp == 0) return found;
  found.frame[found.depth++] = reinterpret_cast<void*>(sight.pc);
  constexpr std::size_t piece_bytes = 1024, pieces = 8;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    std::uintptr_t word[piece_bytes / sizeof(std::uintptr_t)];
    const std::size_t bytes = peek(sight.sp + piece * piece_bytes, word, piece_bytes);
    for (std::size_t i = 0; i < bytes / sizeof word[0]; ++i) {
      void* address = reinterpret_cast<void*>(word[i]);
      if (!object_of(address) || !follows_a_call(word[i])) continue;
      if (found.depth == stack_depth) return found;
      found.frame[found.depth++] = address;
    }
    if (bytes != piece_bytes) break;
  }
  return found;
}

}  // namespace graceslab::os
