// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Size classes and the cache of runs are made once, at first use: whoever finds the pointer finds
// a whole cache.
//
// WEAK kmalloc.publish kmalloc.find
#include "slab/size_class.cpp"

#include "model_os.hpp"
#include "sync/mutex.cpp"

namespace graceslab::slab {

constinit cache_table table;

namespace {

model::data* contents;
cache the_cache;
int made;
int asked;  // under no lock, and how often is nobody's concern

struct first_use : model::suite<first_use, 3> {
  model::data record;
  bool large = false;

  void prepare() {
    large = rl::rand(2) != 0;
    class_cache[class_of(64).index] = the_large_cache = nullptr;
    ::new (&classes_lock) sync::mutex(sync::rank::caches_lazy);
    contents = &record;
    record.write(0);
    made = asked = 0;
  }
  void run(unsigned) {
    cache* found = large ? large_cache() : class_cache_for(class_of(64));
    MODEL_ASSERT(found == &the_cache);
    MODEL_ASSERT(record.read() == 1);
  }
  void settled() { MODEL_ASSERT(made == 1); }
};

constexpr model::weakening edges[] = {
    {"kmalloc.publish", "made_once", model::op::store, model::how::relax},
    {"kmalloc.find", "class_cache_found", model::op::load, model::how::relax},
    {"kmalloc.find", "large_cache_found", model::op::load, model::how::relax},
};

}  // namespace

cache* create_internal(record_supply&, const char*, std::uint32_t, unsigned) noexcept {
  if (asked == 0) return nullptr;
  contents->write(1);
  ++made;
  return &the_cache;
}
bool record_supply::ask() noexcept { return ++asked != 0; }
record_supply::~record_supply() = default;
bool heap_ready() noexcept { return true; }

}  // namespace graceslab::slab

int main(int argc, char** argv) {
  return model::run<graceslab::slab::first_use>(argc, argv, graceslab::slab::edges);
}
