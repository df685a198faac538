// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads' records of one cache, as slab/locals.cpp has them, with room for a few objects each.
#pragma once
#include "model_os.hpp"
#include "slab/depots.cpp"
#include "slab/locals.cpp"
#include "slab/sheaves.cpp"
#include "sync/mutex.cpp"

__thread struct gs_tls gs_tls;

namespace graceslab::sync {
constinit gs_local local_dummy = {};
}

namespace graceslab::slab {

constinit cache_table table;

namespace {

constexpr std::uint32_t model_id = 1;  // in the model threads' TLS blocks

struct thread_arrays {
  gs_local local;
  alignas(gs_sheaf) char memory[sizeof(gs_sheaf) + 4 * sizeof(void*)];

  gs_sheaf* sheaf() { return reinterpret_cast<gs_sheaf*>(memory); }
  void tie_to(cache& c) {
    local = {};
    local.main = local.prev = &no_sheaf;
    local.rcu = ::new (memory) gs_sheaf{};
    local.rcu->capacity = 4;
    local.handle = c.handle;
    local.next = c.locals;
    c.locals = &local;
  }
};

void set_up(cache& c) {
  ::new (&c) cache;
  c.depots = &c.first_depot;
  c.id = model_id;
  c.handle = reinterpret_cast<std::uintptr_t>(&c) + 1;
  c.stage = GS_STAGE_OPEN;
  c.sheaf_capacity = 1;  // not one that parks_one()
}

}  // namespace
}  // namespace graceslab::slab
