// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A section that begins in one thread and ends in another is waited for until it ends, and what
// both did in it comes before what follows.
//
// WEAK overflow.token.enter overflow.token.leave overflow.token.scan
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct tokens : model::suite<tokens, 3> {
  versions v;
  gs_domain* d = nullptr;
  int token = no_token;
  std::uint32_t arrived = 0;  // of the two who meet; the second one ends the section

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;  // the two fence modes
    v.prepare();
    d = fresh_domain(0);
    d->overflow.phase = rl::rand(2);
    token = no_token;
    arrived = 0;
  }
  void run(unsigned thread) {
    if (thread == 0) return updater();
    if (thread == 1) begin();
    if (gs_exchange(&arrived, 1u) == 0) return;
    v.look();
    MODEL_ASSERT(token_leave(d, token));
  }

 private:
  void begin() {
    const int kept = token_enter(d);
    v.look();
    MODEL_ASSERT(token_leave(d, kept));
    token = token_enter(d);
    v.look();
  }
  void updater() {
    v.replace();
    wait_or_poll(d);
    v.spoil();
  }
};

constexpr model::weakening edges[] = {
    {"overflow.token.enter", "count_in", model::op::full_fence, model::how::drop},
    {"overflow.token.leave", "count_out_if_in", model::op::compare_exchange, model::how::relax},
    {"overflow.token.scan", "is_empty", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::tokens>(argc, argv, graceslab::rcu::edges);
}
