// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is kept of stacks for ever: records in blocks, texts, and the one lock of both.
#pragma once
#include <cstddef>
#include <cstdint>

#include "os/pages.hpp"

namespace graceslab::os {

// Held while this lives, but for a signal handler that interrupted a holder, and whatever runs
// while this thread forks: those go on without.
class kept_guard {
 public:
  kept_guard() noexcept;
  ~kept_guard();
  kept_guard(const kept_guard&) = delete;
  kept_guard& operator=(const kept_guard&) = delete;
  explicit operator bool() const noexcept { return held_; }

 private:
  bool held_;
};

// All below: under the lock.

// Ids count from 1 and stay, as do the addresses of the records.
template <class T, std::uint32_t Most, std::uint32_t Block = 256>
class kept_records {
 public:
  T& operator[](std::uint32_t id) noexcept { return block_[(id - 1) / Block][(id - 1) % Block]; }
  std::uint32_t count() const noexcept { return count_; }
  bool full() const noexcept { return count_ == Most; }
  // 0: full, or no memory.
  std::uint32_t add(const T& record) noexcept {
    if (full()) return 0;
    T*& home = block_[count_ / Block];
    if (!home) home = static_cast<T*>(map(Block * sizeof(T), GS_FAULT_META));
    if (!home) return 0;
    (*this)[++count_] = record;
    return count_;
  }

 private:
  T* block_[Most / Block];
  std::uint32_t count_;
};

// Heads of chains through records that have a `next`.
class kept_chains {
 public:
  std::uint32_t first(std::uint64_t hash) const noexcept {
    return head_ ? head_[hash % chains] : 0;
  }
  // Before a record is added: false: no memory.
  bool ready() noexcept {
    if (!head_) head_ = static_cast<std::uint32_t*>(map(chains * sizeof *head_, GS_FAULT_META));
    return head_ != nullptr;
  }
  void set_first(std::uint64_t hash, std::uint32_t id) noexcept { head_[hash % chains] = id; }

 private:
  static constexpr std::uint32_t chains = 16384;
  std::uint32_t* head_;
};

const char* keep_text(const char* text) noexcept;  // nullptr: no memory

}  // namespace graceslab::os
