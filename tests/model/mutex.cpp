// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mutex: exclusion, handing on of what was written, and no sleeper that is forgotten.
//
// WEAK mutex.lock mutex.lock.slow mutex.lock.cas mutex.unlock mutex.unlock.exchange
#include "sync/mutex.cpp"

#include "model_os.hpp"

namespace {

using graceslab::sync::mutex;
using graceslab::sync::rank;

struct exclusion : model::suite<exclusion, 3> {
  mutex m{rank::leaf};
  model::data counter;

  void prepare() { counter.write(0); }
  void run(unsigned) {
    for (int i = 0; i != 2; ++i) {
      m.lock();
      counter.write(counter.read() + 1);
      m.unlock();
    }
  }
  void settled() { MODEL_ASSERT(counter.read() == 6); }
};

constexpr model::weakening edges[] = {
    {"mutex.lock", "take_free", model::op::compare_exchange, model::how::relax},
    {"mutex.lock.slow", "lock", model::op::exchange, model::how::relax},
    {"mutex.lock.cas", "take_free", model::op::compare_exchange, model::how::split},
    {"mutex.unlock", "unlock", model::op::exchange, model::how::relax},
    {"mutex.unlock.exchange", "unlock", model::op::exchange, model::how::split},
};

}  // namespace

int main(int argc, char** argv) { return model::run<exclusion>(argc, argv, edges); }
