// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Threads that come and go: a slot has one writer at a time, carries the sections of its earlier
// owners along, and a thread that brings a new chunk is not missed.
//
// WEAK slots.claim slots.claim.cas slots.free slots.append slots.append.cas slots.walk
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

constexpr std::uint64_t not_walked = 77;
model::data* contents;  // of new_chunks[0]: what its maker wrote before it was appended
unsigned chunks_made;

struct slots : model::suite<slots, 3> {
  versions v;
  model::data made;
  gs_domain* d = nullptr;

  void prepare() {
    v.prepare();
    d = fresh_domain(rl::rand(2));  // none left: both readers bring a chunk
    contents = &made;
    chunks_made = 0;
    for (reader_chunk& c : new_chunks) {
      make_fresh(c, d, 1);
      c.busy = not_walked;
    }
    made.write(0);
  }
  void run(unsigned thread) { thread == 0 ? updater() : reader(); }

  void reader() {
    enter({0, d});
    v.look();
    leave({0, d});
    end_thread_sections(*sync::this_thread());
  }
  void updater() {
    v.replace();
    wait_or_poll(d);
    v.spoil();
    if (new_chunks[0].busy != not_walked) MODEL_ASSERT(made.read() == 1);
  }
};

constexpr model::weakening edges[] = {
    {"slots.claim", "claim", model::op::compare_exchange, model::how::relax},
    {"slots.claim.cas", "claim", model::op::compare_exchange, model::how::split},
    {"slots.free", "free_slot", model::op::store, model::how::relax},
    {"slots.append", "claim_in_new_chunk", model::op::compare_exchange, model::how::relax},
    {"slots.append.cas", "claim_in_new_chunk", model::op::compare_exchange, model::how::split},
    {"slots.walk", "scan_all", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace graceslab::rcu

void* graceslab::os::map(std::size_t, gs_fault_site) noexcept {
  unsigned n = rcu::chunks_made++;
  if (n == 0) rcu::contents->write(1);
  return &rcu::new_chunks[n];
}

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::slots>(argc, argv, graceslab::rcu::edges);
}
