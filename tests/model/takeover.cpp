// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One thread works on its arrays, others seize them: never both at once, and each sees what the
// other left. The owner's side is detail/local.h, the seizers' is all of slab/locals.cpp.
//
// WEAK takeover.enter takeover.leave takeover.seize takeover.seize.fence takeover.reopened
// WEAK takeover.close
#include "model_os.hpp"
#include "slab/locals.cpp"
#include "sync/mutex.cpp"

namespace graceslab::slab {

constinit gs_sheaf no_sheaf = {};
constinit cache_table table;

namespace {

gs_sheaf sheaf;
model::data* contents;  // stands for all that the record protects

struct takeover : model::suite<takeover, 3> {
  model::data record;
  gs_local local = {};

  cache c;

  void prepare() {
    contents = &record;
    record.write(0);
    local.main = &sheaf;
    local.prev = local.rcu = &no_sheaf;
    c.stage = GS_STAGE_OPEN;
    c.locals = &local;
  }
  void run(unsigned thread) { thread == 0 ? owner() : seizer(); }

  void owner() {
    for (int i = 0; i != 2; ++i) {
      if (gs_local_enter(&local)) {
        record.write(record.read() + 1);
        local.main = &sheaf;
      }
      gs_local_leave(&local);
    }
  }
  void seizer() {
    spoils s;
    MODEL_ASSERT(seize(c, seize_what::everything, seize_then::reopen, &s));
  }
};

constexpr model::weakening edges[] = {
    {"takeover.enter", "gs_local_enter", model::op::light_fence, model::how::drop},
    {"takeover.leave", "gs_local_leave", model::op::store, model::how::relax},
    {"takeover.seize", "wait_until_quiet", model::op::load, model::how::relax},
    {"takeover.seize.fence", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"takeover.reopened", "gs_local_enter", model::op::load, model::how::relax},
    {"takeover.close", "reopen_local", model::op::add, model::how::relax},
};

}  // namespace

// Called by seize() for each array that it takes.
void push(sheaf_list& list, gs_sheaf* s) noexcept {
  contents->write(contents->read() + 1);
  list.head = s;
}

}  // namespace graceslab::slab

int main(int argc, char** argv) {
  return model::run<graceslab::slab::takeover>(argc, argv, graceslab::slab::edges);
}
