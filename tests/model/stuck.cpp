// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One callback returns and the next begins in the same record while somebody looks whether one is
// stuck: the second is never blamed for the time of the first.
//
// WEAK stuck.begin stuck.look
#include "rcu/stuck.cpp"

#include "model_rcu.hpp"
#include "rcu/grant.cpp"
#include "rcu/mark.cpp"
#include "rcu/queue.cpp"
#include "sync/overdue.cpp"

namespace graceslab {

namespace rcu {

std::uint32_t closing_generation() noexcept { return 0; }
std::uint32_t watches;
constinit sync::mutex runners_lock{sync::rank::runners};
runner* runners;

namespace {

alignas(64) char batch_memory[batch_bytes];

void first_one(rcu_head*) {}
void second_one(rcu_head*) {}

struct looked_at : model::suite<looked_at, 2> {
  rcu_head heads[2] = {};
  runner r = {};
  gs_domain* d = nullptr;

  void prepare() {
    d = fresh_domain(0);
    model::leave_plain(&d->shards[1], &d->shards[shards_max]);
    batch* b = ::new (batch_memory) batch;
    b->entries()[1] = {&heads[1], second_one, nullptr};
    b->count = 2;
    b->taken = b->cursor = 1;
    b->sealed = true;
    d->shards[0].first = d->shards[0].last = b;
    d->shards[0].waiting = 1;
    r = {};
    r.from = b;
    r.func = reinterpret_cast<const void*>(first_one);
    r.since_ms = 1;  // seen then
  }
  void run(unsigned thread) { thread == 0 ? worker() : looker(); }

  void worker() {
    sync::lock_guard guard(d->shards[0].lock);
    batch* surplus = nullptr;
    finish(d->shards[0], r, surplus);
    place where;
    entry claimed;
    MODEL_ASSERT(claim(d, d->shards[0], {}, &where, &claimed, r));
  }
  void looker() {
    stuck found;
    if (seen_for(r, 100, &found))
      MODEL_ASSERT(found.func == reinterpret_cast<const void*>(first_one));
  }
};

constexpr model::weakening edges[] = {
    {"stuck.begin", "show", model::op::store, model::how::relax},
    {"stuck.look", "seen_for", model::op::load, model::how::relax},
};

}  // namespace
}  // namespace rcu
}  // namespace graceslab

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::looked_at>(argc, argv, graceslab::rcu::edges);
}
