// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Slots that change hands: one owner at a time, a scan that finds the next owner's object has the
// last owner's accesses behind it, and a slot in a new chunk is not missed.
//
// WEAK hazard.claim hazard.claim.cas hazard.free hazard.append hazard.append.cas hazard.walk
#include "model_rcu.hpp"
//
#include "hazard/scan.cpp"
#include "hazard/slots.cpp"

namespace graceslab::hazard {
namespace {

slot_chunk first_chunk, new_chunks[2];
model::data* contents;  // of new_chunks[0]: what its maker wrote before it was appended
unsigned chunks_made;

void make_fresh(slot_chunk& c, unsigned slots) {
  ::new (&c) slot_chunk{};
  for (unsigned i = slots; i != chunk_slots; ++i) c.slot[i].in_use = 1;
  model::leave_plain(&c.slot[slots], &c + 1);
}

struct slots : model::suite<slots, 3> {
  model::data object, made;
  gs_hazard_head old_one = {}, new_one = {};
  gs_hazard_head* source = nullptr;

  void prepare() {
    make_fresh(first_chunk, rl::rand(2));  // none left: both readers bring a chunk
    for (slot_chunk& c : new_chunks) make_fresh(c, 1);
    chunks = &first_chunk;
    chunks_made = 0;
    contents = &made;
    gs_hazard_scanning = 0;
    salt = 0;
    for (std::uint64_t& word : copied) word = 0;
    model::leave_plain(copied, std::end(copied));
    source = &old_one;
    object.write(1);
    made.write(0);
  }
  void run(unsigned thread) { thread == 0 ? updater() : reader(); }

  void reader() {
    gs_hazard_slot* slot = gs_hazard_take();
    gs_hazard_head* found = gs_load_relaxed(&source);
    gs_hazard_announce(slot, found);
    if (found == gs_load_acquire(&source) && found == &old_one) MODEL_ASSERT(object.read() == 1);
    gs_hazard_give(slot);
    end_thread_slots(*sync::this_thread());
  }
  void updater() {
    gs_store_release(&source, &new_one);
    if (unprotected(&old_one)) object.write(2);
    bool walked = false;
    for_each_slot([&](const gs_hazard_slot& s) { walked |= &s == &new_chunks[0].slot[0]; });
    if (walked) MODEL_ASSERT(made.read() == 1);
  }
};

constexpr model::weakening edges[] = {
    {"hazard.claim", "claim", model::op::compare_exchange, model::how::relax},
    {"hazard.claim.cas", "claim", model::op::compare_exchange, model::how::split},
    {"hazard.free", "free_slot", model::op::store, model::how::relax},
    {"hazard.append", "claim_in_new_chunk", model::op::compare_exchange, model::how::relax},
    {"hazard.append.cas", "claim_in_new_chunk", model::op::compare_exchange, model::how::split},
    {"hazard.walk", "newest_chunk", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::hazard

void* graceslab::os::map(std::size_t, gs_fault_site) noexcept {
  const unsigned n = hazard::chunks_made++;
  if (n == 0) hazard::contents->write(1);
  return &hazard::new_chunks[n];
}

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  model::is_thread_local(gs_hazard_tls);
  return model::run<graceslab::hazard::slots>(argc, argv, graceslab::hazard::edges);
}
