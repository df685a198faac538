// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/transit.hpp"

#include "os/thread.hpp"

namespace graceslab::slab {
namespace {

std::uint32_t halted;  // atomic
[[gnu::tls_model("initial-exec")]] __thread unsigned depth;

void wait_until_empty(const cache& c) noexcept {
  while (gs_load_seq_cst(&c.in_transit) != 0) os::yield();
}

}  // namespace

// ORDER transit.enter <-> transit.halt   (docs/ordering/teardown.md, claim 7)
// We count ourselves, then look for a halt; a halt is announced first, then the counts are awaited. All sequentially
// consistent: one of us sees the other.
void transit::enter() noexcept {
  for (;;) {
    (void)gs_fetch_add(&c_.in_transit, 1u);
    if (depth != 0 || GS_LIKELY(gs_load_seq_cst(&halted) == 0)) break;
    (void)gs_fetch_sub(&c_.in_transit, 1u);
    while (gs_load_relaxed(&halted) != 0) os::yield();
  }
  ++depth;
}

transit::~transit() {
  --depth;
  (void)gs_fetch_sub(&c_.in_transit, 1u);
}

bool still_open(const cache& c) noexcept { return gs_load_seq_cst(&c.stage) == GS_STAGE_OPEN; }

// ORDER transit.halt <-> transit.enter   (docs/ordering/teardown.md, claim 7)
void transit_halt() noexcept {
  gs_store_seq_cst(&halted, 1u);
  for (std::uint32_t id = 1; id < cache_ids(); ++id) wait_until_empty(*cache_from_id(id));
}

void transit_resume() noexcept { gs_store_seq_cst(&halted, 0u); }

}  // namespace graceslab::slab
