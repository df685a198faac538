// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Publish and subscribe: whoever finds the pointer finds what it points at.
//
// WEAK publish.store subscribe.load
#include <graceslab/kernel/rcupdate.h>

#include "model.hpp"

namespace {

struct publish : model::suite<publish, 2> {
  model::data object;
  model::data* pointer = nullptr;

  void prepare() { pointer = nullptr; }
  void run(unsigned thread) { thread == 0 ? writer() : reader(); }
  void writer() {
    object.write(7);
    rcu_assign_pointer(pointer, &object);
  }
  void reader() {
    if (model::data* found = rcu_dereference(pointer)) MODEL_ASSERT(found->read() == 7);
  }
};

constexpr model::weakening edges[] = {
    {"publish.store", "writer", model::op::store, model::how::relax},
    {"subscribe.load", "reader", model::op::load, model::how::relax},
};

}  // namespace

int main(int argc, char** argv) { return model::run<publish>(argc, argv, edges); }
