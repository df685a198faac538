// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/kept.hpp"

#include <cstring>

#include "os/hooks.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t text_chunk_bytes = std::size_t{256} << 10;

word_lock kept_lock;  // guards the texts, and all records and chains
char* text_free;
std::size_t text_left;

// Of this thread's guards. Raised before the lock is taken, lowered after it is given back, so that
// no handler waits for what it interrupted.
[[gnu::tls_model("initial-exec")]] __thread unsigned inside;

void enter() noexcept {
  inside = inside + 1;
  gs_light_fence();
}
void leave() noexcept {
  gs_light_fence();
  inside = inside - 1;
}

[[gnu::constructor(102)]] void start_keeping() noexcept {
  on_fork({fork_rank_stacks, [] { enter(), kept_lock.lock(); }, [] { kept_lock.unlock(), leave(); },
           [] { kept_lock.reset_in_child(), leave(); }});
}

}  // namespace

kept_guard::kept_guard() noexcept : held_(inside == 0) {
  enter();
  if (held_) kept_lock.lock();
}
kept_guard::~kept_guard() {
  if (held_) kept_lock.unlock();
  leave();
}

const char* keep_text(const char* text) noexcept {
  const std::size_t bytes = std::strlen(text) + 1;
  if (bytes > text_chunk_bytes) return nullptr;
  if (bytes > text_left) {
    auto* chunk = static_cast<char*>(map(text_chunk_bytes, GS_FAULT_META));
    if (!chunk) return nullptr;
    text_free = chunk;
    text_left = text_chunk_bytes;
  }
  char* kept = static_cast<char*>(std::memcpy(text_free, text, bytes));
  text_free += bytes;
  text_left -= bytes;
  return kept;
}

}  // namespace graceslab::os
