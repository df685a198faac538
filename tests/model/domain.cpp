// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The list of domains and the hooks of the layers above: both are walked and used without a lock.
//
// WEAK domains.publish domains.walk hooks.set hooks.get
#include "rcu/domain.cpp"

#include "model_os.hpp"
#include "os/pages.hpp"
#include "sync/mutex.cpp"

namespace graceslab {

rcu::tally rcu::count_callbacks(const gs_domain*) noexcept { return {}; }

namespace {

model::data* contents;  // of a new domain's record
alignas(rcu::record_align) char record[sizeof(gs_domain)];

struct lists : model::suite<lists, 2> {
  model::data made, hooked;

  void prepare() {
    contents = &made;
    made.write(0);
    hooked.write(0);
    rcu::hooks = &rcu::no_hooks;
    rcu::the_default_domain.next = nullptr;
    rcu::last_domain = &rcu::the_default_domain;
    rcu::spare_first = rcu::spare_last = nullptr;
    rcu::spare_count = 0;
    ::new (&rcu::table_lock) sync::mutex(sync::rank::domains);
  }
  void run(unsigned thread) { thread == 0 ? writer() : walker(); }
  void writer() {
    hooked.write(1);
    rcu::set_upper_hooks({});
    rcu::create_domain(nullptr);
  }
  void walker() {
    if (rcu::next_domain(rcu::first_domain()) != nullptr) MODEL_ASSERT(made.read() == 1);
    if (&rcu::upper() != &rcu::no_hooks) MODEL_ASSERT(hooked.read() == 1);
  }
};

constexpr model::weakening edges[] = {
    {"domains.publish", "append", model::op::store, model::how::relax},
    {"domains.walk", "next_domain", model::op::load, model::how::relax},
    {"hooks.set", "set_upper_hooks", model::op::store, model::how::relax},
    {"hooks.get", "upper", model::op::load, model::how::relax},
};

}  // namespace

void* os::map(std::size_t, gs_fault_site) noexcept {
  contents->write(1);
  return record;
}

}  // namespace graceslab

int main(int argc, char** argv) {
  return model::run<graceslab::lists>(argc, argv, graceslab::edges);
}
