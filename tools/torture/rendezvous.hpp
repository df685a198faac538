// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Where the workers of a group meet. The last to arrive decides for all whether they go on, so that
// nobody is left waiting.
#pragma once
#include <condition_variable>
#include <mutex>

#include "session.hpp"

namespace graceslab::torture {

class rendezvous {
 public:
  rendezvous(session& s, unsigned members) : session_(s), members_(members) {}

  // Waits for all members. Everything they did before is seen by all afterwards.
  void meet() { wait(false); }
  // The same at the end of a round; false when there is to be no other.
  bool next_round() { return wait(true); }

 private:
  bool wait(bool end_of_round) {
    std::unique_lock<std::mutex> hold(lock_);
    unsigned mine = meeting_;
    if (++arrived_ == members_) {
      arrived_ = 0;
      ++meeting_;
      if (end_of_round) {
        bool enough = ++rounds_ >= digest_rounds || session_.failed();
        go_on_ = !(session_.stopping() && enough);
      }
      all_here_.notify_all();
    } else {
      all_here_.wait(hold, [&] { return meeting_ != mine; });
    }
    return go_on_;
  }

  session& session_;
  unsigned members_;
  std::mutex lock_;
  std::condition_variable all_here_;
  unsigned arrived_ = 0;
  unsigned meeting_ = 0;
  std::uint64_t rounds_ = 0;
  bool go_on_ = true;
};

}  // namespace graceslab::torture
