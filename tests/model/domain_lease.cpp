// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A call has a domain's record on loan while another thread ends the domain and makes the next one:
// not of that record, unless the call found that its handle is stale, or was over.
//
// WEAK domains.lend domains.lend.look domains.back domains.reuse domains.end
#include "model_os.hpp"
#include "os/pages.hpp"
#include "rcu/domain.cpp"
#include "rcu/handle.cpp"
#include "sync/mutex.cpp"

namespace graceslab {

namespace rcu {

// No fence of its own, which would hide what the loan needs.
bool count_readers(domain_ref, std::uint32_t* inside) noexcept {
  *inside = 0;
  return true;
}
bool callbacks_pending(gs_domain*) noexcept { return false; }
tally count_callbacks(const gs_domain*) noexcept { return {}; }

namespace {

alignas(record_align) char record_room[sizeof(gs_domain)];
bool room_left;

struct loans : model::suite<loans, 2> {
  gs_domain* first = nullptr;
  model::data life;  // what the domain's owner writes

  void prepare() {
    last_domain = &the_default_domain;
    spare_first = spare_last = nullptr;
    spare_count = 0;
    ::new (&table_lock) sync::mutex(sync::rank::domains);
    room_left = true;
    first = create_domain(nullptr);
    gs_domain* record = record_of(first);
    model::leave_plain(&record->shards[0], &record->shards[shards_max]);
    life.write(1);
  }
  void run(unsigned thread) { thread == 0 ? call() : replace(); }
  void call() {
    const lease lent(ref_of(first));
    if (lent) MODEL_ASSERT(life.read() == 1);
  }
  // Without the destroy's own loan, whose steps would order ours.
  void replace() {
    uses left;
    MODEL_ASSERT(end(ref_of(first), &left) && !left.any());
    if (create_domain(nullptr) != nullptr) life.write(2);
  }
};

constexpr model::weakening edges[] = {
    {"domains.lend", "lease", model::op::add, model::how::relax},
    {"domains.lend.look", "lease", model::op::load, model::how::relax},
    {"domains.back", "~lease", model::op::add, model::how::relax},
    {"domains.reuse", "rested_record", model::op::load, model::how::relax},
    {"domains.end", "end", model::op::store, model::how::relax},
};

}  // namespace
}  // namespace rcu

void* os::map(std::size_t, gs_fault_site) noexcept {
  return std::exchange(rcu::room_left, false) ? rcu::record_room : nullptr;
}

}  // namespace graceslab

int main(int argc, char** argv) {
  return model::run<graceslab::rcu::loans>(argc, argv, graceslab::rcu::edges);
}
