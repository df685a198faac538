// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Fence mode READER, without membarrier: the reader fences itself, and the updater's fence is its
// own alone.
//
// WEAK reader.fenced reader.fenced.updater
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

struct fenced_readers : model::suite<fenced_readers, 3> {
  versions v;
  gs_domain* d = nullptr;

  void prepare() {
    v.prepare();
    d = fresh_domain(1);
  }
  void run(unsigned thread) {
    if (thread == 0) return reader();
    if (thread == 1) return updater();
    try_advance(d, 1);
  }

  void reader() {
    for (int i = 0; i != 2; ++i) {
      enter({0, d});
      v.look();
      leave({0, d});
    }
  }
  void updater() {
    v.replace();
    MODEL_ASSERT(wait(d, snapshot(d)));
    v.spoil();
  }
};

constexpr model::weakening edges[] = {
    {"reader.fenced", "enter_slot", model::op::full_fence, model::how::drop},
    {"reader.fenced.updater", "heavy_fence", model::op::full_fence, model::how::drop},
    {"reader.fenced.updater", "start", model::op::full_fence, model::how::drop},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  model::fenced_readers = true;
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::fenced_readers>(argc, argv, graceslab::rcu::edges);
}
