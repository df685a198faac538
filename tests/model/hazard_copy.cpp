// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Two readers copy protections, which they have from before, to slots that a scan looks at first;
// a scan that looks meanwhile finds the object in the one slot or the other, or a note. The notes
// of the two stand in one word.
//
// WEAK hazard.copy hazard.copy.fence hazard.note hazard.note.rmw
#include "model_rcu.hpp"
//
#include "hazard/scan.cpp"
#include "hazard/slots.cpp"

namespace graceslab::hazard {
namespace {

slot_chunk the_slots;
gs_hazard_head heads[copied_bits / word_bits + 1];  // two of so many share a word

struct copies : model::suite<copies, 3> {
  model::data object;
  gs_hazard_head *wanted = nullptr, *other = nullptr;

  void prepare() {
    ::new (&the_slots) slot_chunk{};
    chunks = &the_slots;
    gs_hazard_scanning = 0;
    for (std::uint64_t& word : copied) word = 0;
    salt = base::mix(1);  // what the scan's will be
    find_two();
    std::uint64_t* ours = &copied[bit_of(wanted) / word_bits];
    salt = 0;
    model::leave_plain(copied, ours);
    model::leave_plain(ours + 1, std::end(copied));
    model::leave_plain(&the_slots.slot[4], &the_slots + 1);
    the_slots.slot[2].pointer = wanted;
    the_slots.slot[3].pointer = other;
    object.write(1);
  }
  void run(unsigned thread) {
    if (thread == 0) return reader();
    if (thread == 1) return copy(other, the_slots.slot[3], the_slots.slot[1]);
    if (unprotected(wanted)) object.write(2);
  }

 private:
  void find_two() {
    for (gs_hazard_head& a : heads)
      for (gs_hazard_head& b : heads)
        if (bit_of(&a) / word_bits == bit_of(&b) / word_bits && bit_of(&a) != bit_of(&b)) {
          wanted = &a;
          other = &b;
          return;
        }
    MODEL_ASSERT(false);
  }
  static void copy(const gs_hazard_head* head, gs_hazard_slot& from, gs_hazard_slot& to) {
    gs_hazard_copy(&to, head);
    gs_hazard_clear(&from);
  }
  // Protected to the end: what it reads is nobody's to spoil.
  void reader() {
    copy(wanted, the_slots.slot[2], the_slots.slot[0]);
    MODEL_ASSERT(object.read() == 1);
  }
};

// The note is published by the release of whoever clears the other slot.
constexpr model::weakening edges[] = {
    {"hazard.copy", "gs_hazard_announce", model::op::light_fence, model::how::drop},
    {"hazard.copy.fence", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"hazard.note", "gs_hazard_clear", model::op::store, model::how::relax},
    {"hazard.note.rmw", "gs_hazard_note_copy", model::op::add, model::how::split},
};

}  // namespace
}  // namespace graceslab::hazard

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::hazard::copies>(argc, argv, graceslab::hazard::edges);
}
