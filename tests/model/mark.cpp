// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mark in a queued head: of two that queue the same head one wins, and who queues it again
// sees that the library is done with it.
//
// WEAK callbacks.mark callbacks.mark.cas callbacks.unmark
#include "rcu/mark.cpp"

#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct marked : model::suite<marked, 3> {
  rcu_head head = {};
  model::data user;  // the library's from queueing to unmarking

  void prepare() {
    secret_word = 0x5a5a5a5a5a5a5a5b;
    head = {};
    user.write(0);
  }
  void run(unsigned) {
    for (int i = 0; i != 2; ++i) {
      if (!mark_queued(&head)) continue;
      user.write(user.read() + 1);
      unmark(&head);
    }
  }
};

constexpr model::weakening edges[] = {
    {"callbacks.mark", "mark_queued", model::op::compare_exchange, model::how::relax},
    {"callbacks.mark.cas", "mark_queued", model::op::compare_exchange, model::how::split},
    {"callbacks.unmark", "unmark", model::op::store, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  return model::run<graceslab::rcu::marked>(argc, argv, graceslab::rcu::edges);
}
