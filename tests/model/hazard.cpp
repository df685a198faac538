// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A reader that protects what a source points at, then copies the protection to a slot that a scan
// looks at first; an updater that replaces the object and spoils it once nobody protects it.
//
// WEAK hazard.announce hazard.clear hazard.fenced hazard.scan hazard.scan.fence
#include "model_rcu.hpp"
//
#include "hazard/scan.cpp"
#include "hazard/slots.cpp"

namespace graceslab::hazard {
namespace {

slot_chunk the_slots;

struct protect : model::suite<protect, 2> {
  model::data object;
  gs_hazard_head head = {};
  gs_hazard_head* source = nullptr;

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;
    ::new (&the_slots) slot_chunk{};
    for (gs_hazard_slot& s : the_slots.slot) s.fenced = model::fenced_readers;
    model::leave_plain(&the_slots.slot[2], &the_slots + 1);
    chunks = &the_slots;
    gs_hazard_scanning = 0;
    for (std::uint64_t& word : copied) word = 0;
    salt = base::mix(1);  // what the scan's will be
    std::uint64_t* ours = &copied[bit_of(&head) / word_bits];
    salt = 0;
    model::leave_plain(copied, ours);
    model::leave_plain(ours + 1, std::end(copied));
    source = &head;
    object.write(1);
  }
  void run(unsigned thread) { thread == 0 ? reader() : updater(); }

  void reader() {
    gs_hazard_slot &first = the_slots.slot[0], &second = the_slots.slot[1];
    gs_hazard_head* found = gs_load_relaxed(&source);
    gs_hazard_announce(&second, found);
    if (found != gs_load_acquire(&source) || !found) return gs_hazard_clear(&second);
    MODEL_ASSERT(object.read() == 1);
    gs_hazard_copy(&first, found);
    gs_hazard_clear(&second);
    MODEL_ASSERT(object.read() == 1);
    gs_hazard_clear(&first);
  }
  void updater() {
    gs_store_release(&source, static_cast<gs_hazard_head*>(nullptr));
    if (unprotected(&head)) object.write(2);
  }
};

constexpr model::weakening edges[] = {
    {"hazard.announce", "gs_hazard_announce", model::op::light_fence, model::how::drop},
    {"hazard.clear", "gs_hazard_clear", model::op::store, model::how::relax},
    {"hazard.fenced", "gs_hazard_announce", model::op::full_fence, model::how::drop},
    {"hazard.scan", "look_at", model::op::load, model::how::relax},
    {"hazard.scan.fence", "heavy_fence", model::op::heavy_fence, model::how::drop},
};

}  // namespace
}  // namespace graceslab::hazard

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::hazard::protect>(argc, argv, graceslab::hazard::edges);
}
