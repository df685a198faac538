// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A wait to which the system refuses every fence: it goes on, for it may not return unproved, and
// says so.
#pragma once
#include <cstdint>

struct gs_domain;

namespace graceslab::rcu {

// One for each wait.
class unproved_watch {
 public:
  explicit unproved_watch(gs_domain* d) noexcept : domain_(d) {}
  // After each nap: has every fence been refused for so long that it is no passing weakness?
  bool lost() noexcept;
  // With no lock held. Reports at once, after the stall limit, and then every three limits; where
  // the user chose abort, the first report ends the process.
  void say_when_due() noexcept;

 private:
  static constexpr unsigned passing = 100;  // naps: some 50 ms

  gs_domain* domain_;
  unsigned refusals_ = 0;
  bool said_ = false;
  std::uint64_t since_ms_ = 0, due_ms_ = 0;
};

}  // namespace graceslab::rcu
