// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/flood.hpp"

#include <graceslab/detail/atomic.h>

#include "base/hash.hpp"
#include "os/clock.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

constexpr unsigned first_ones = 10;
constexpr std::uint64_t pause_ms = 1000;
constexpr unsigned places = 64;

struct place {
  std::uint64_t key;
  std::uint64_t last_ms;  // when one was written
  std::uint64_t held;     // since then
  unsigned written;
};
place table[places];
word_lock table_lock;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_hex(char c) noexcept { return is_digit(c) || (c >= 'a' && c <= 'f') || c == 'x'; }

// Numbers are left out, but for the offset into a function: that is the place.
std::uint64_t key_of(gs_report kind, const char* text, std::size_t bytes) noexcept {
  std::uint64_t hash = static_cast<std::uint64_t>(kind) + 1;
  for (std::size_t i = 0; i != bytes;) {
    const bool counts = !is_digit(text[i]);
    do {
      if (counts) hash = base::mix(hash ^ static_cast<unsigned char>(text[i]));
      ++i;
    } while (i != bytes && is_hex(text[i]) &&
             (!counts || text[i - 1] == '+' || !is_digit(text[i])));
  }
  return hash;
}

// More places at once than the table has share: the flood of all of them is one.
bool admit(std::uint64_t key, std::uint64_t now, std::uint64_t* held) noexcept {
  place& p = table[key % places];
  const bool rested = now - p.last_ms >= pause_ms;
  if (p.key != key && rested) p = {key, 0, 0, 0};
  if (p.written >= first_ones && !rested) return ++p.held, false;
  *held = p.held;
  p.held = 0;
  p.last_ms = now;
  ++p.written;
  return true;
}

}  // namespace

bool flood_admits(gs_report kind, const char* text, std::size_t bytes,
                  std::uint64_t* held) noexcept {
  *held = 0;
  // A handler may have interrupted the holder: whoever finds it held is not limited.
  if (!table_lock.try_lock()) return true;
  const bool admitted = admit(key_of(kind, text, bytes), now_ms(), held);
  table_lock.unlock();
  return admitted;
}

}  // namespace graceslab::os
