// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Waiting on a word.
#pragma once
#include <cstdint>

namespace graceslab::os {

inline constexpr std::uint64_t forever_ms = ~std::uint64_t{0};

// Sleeps while *word == expected, at most timeout_ms on the library's clock (a virtual clock's
// advance wakes and re-checks). Returns false on time-out. Spurious returns are possible. Keeps
// errno. No cancellation point.
bool futex_wait(std::uint32_t* word, std::uint32_t expected,
                std::uint64_t timeout_ms = forever_ms) noexcept;
// The same in real time: a back-off between polls that a wake-up ends. May be shorter than asked.
void futex_nap_us(std::uint32_t* word, std::uint32_t expected, std::uint64_t us) noexcept;
void futex_wake(std::uint32_t* word, int how_many) noexcept;

// On the low half of a word of 64 bits.
void futex_nap_us(std::uint64_t* word, std::uint64_t expected, std::uint64_t us) noexcept;
void futex_wake(std::uint64_t* word, int how_many) noexcept;

}  // namespace graceslab::os
