// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The table of cache records grows: who sees that it did finds whole records in it.
//
// WEAK cache_table.grow cache_table.find
#include "slab/cache_table.cpp"

#include "model_os.hpp"
#include "os/pages.hpp"
#include "slab/depots.cpp"
#include "sync/mutex.cpp"

namespace graceslab {
namespace {

alignas(1024) char range[8 * slab::cache_record_bytes];
model::data* contents;  // of the second half of the committed pages, as the system gives them

struct grow : model::suite<grow, 2> {
  model::data committed_pages;

  void prepare() {
    contents = &committed_pages;
    committed_pages.write(0);
    slab::table = {};
    slab::table.start = reinterpret_cast<std::uintptr_t>(range);
    slab::committed = 0;
    slab::reserved = sizeof range;
    ::new (&slab::table_lock) sync::mutex(sync::rank::caches);
  }
  void run(unsigned thread) {
    if (thread == 0) {
      slab::cache_new();
      return;
    }
    if (slab::cache_from_id(1) != nullptr) MODEL_ASSERT(committed_pages.read() == 1);
  }
};

constexpr model::weakening edges[] = {
    {"cache_table.grow", "fresh_record", model::op::store, model::how::relax},
    {"cache_table.find", "cache_ids", model::op::load, model::how::relax},
};

}  // namespace

bool os::commit(void*, std::size_t, std::uint32_t) noexcept {
  contents->write(1);
  return true;
}

}  // namespace graceslab

int main(int argc, char** argv) {
  return model::run<graceslab::grow>(argc, argv, graceslab::edges);
}
