// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The process that ends in the middle of everything: `graceslab torture --exit-child ORDERS`.
#pragma once
#include <chrono>
#include <string>

namespace graceslab::torture {

inline constexpr unsigned exit_policies = 3;  // leave, drain, strict
inline constexpr unsigned exit_strict = 2;
// The main thread, another one, a callback; a signal handler in whichever thread, a child that a
// handler forked.
inline constexpr unsigned exit_places = 5;
inline constexpr unsigned exit_in_callback = 2, exit_in_handler = 3, exit_in_child = 4;
inline constexpr int exit_child_status = 42;
inline constexpr std::chrono::milliseconds exit_child_most{10'000};

struct exit_orders {
  unsigned policy = 0;
  unsigned from = 0;      // where exit() is called
  bool faults = false;    // memory for arrays runs out now and then
  bool stuck = false;     // a thread stays in its section for ever
  unsigned after_us = 0;  // how long everybody works before
};
std::string to_text(const exit_orders& o);
std::string describe(const exit_orders& o);

[[noreturn]] void be_exit_child(const std::string& text);

}  // namespace graceslab::torture
