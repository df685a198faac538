// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The system layer's own lock: exclusion, handing on, no sleeper forgotten.
//
// WEAK word_lock.take word_lock.take.slow word_lock.drop word_lock.drop.exchange
#include "os/word_lock.hpp"

#include "model_os.hpp"

namespace {

struct exclusion : model::suite<exclusion, 3> {
  graceslab::os::word_lock lock;
  model::data counter;

  void prepare() { counter.write(0); }
  void run(unsigned) {
    for (int i = 0; i != 2; ++i) {
      graceslab::os::word_guard hold(lock);
      counter.write(counter.read() + 1);
    }
  }
  void settled() { MODEL_ASSERT(counter.read() == 6); }
};

constexpr model::weakening edges[] = {
    {"word_lock.take", "try_lock", model::op::compare_exchange, model::how::relax},
    {"word_lock.take.slow", "lock", model::op::exchange, model::how::relax},
    {"word_lock.drop", "unlock", model::op::exchange, model::how::relax},
    {"word_lock.drop.exchange", "unlock", model::op::exchange, model::how::split},
};

}  // namespace

int main(int argc, char** argv) { return model::run<exclusion>(argc, argv, edges); }
