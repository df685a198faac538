// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Workers that end. The last of all while somebody posts: it stays, or another is started. One that
// stands by while the leader goes into a callback: it stays, or another is started. Explored in
// both fence modes.
//
// WEAK doorbell.ring doorbell.ring.fenced doorbell.leave
#include "rcu/worker.cpp"

#include "model_rcu.hpp"
#include "sync/doorbell.cpp"

namespace graceslab {

namespace {
std::uint32_t started;
}

bool os::start_thread(const char*, void (*)(void*), void*) noexcept {
  gs_store_relaxed(&started, 1u);
  return true;
}
bool os::forking() noexcept { return false; }

namespace rcu {

gs_domain* first_domain() noexcept { return &the_default_domain; }
gs_domain* next_domain(const gs_domain*) noexcept { return nullptr; }

namespace {

struct ending : model::suite<ending, 2> {
  bool last = false;
  bool ended = false;
  gs_domain* d = nullptr;

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;
    d = fresh_domain(0);
    model::leave_plain(&d->shards[1], &d->shards[shards_max]);
    last = rl::rand(2) != 0;
    ended = false;
    started = 0;
    os::settings.callback_workers = 2;
    os::settings.background = true;
    leader = 1;
    watcher = 0;
    threads = last ? 1 : 2;
    numbers = last ? 2 : 6;
    standing_by = last ? 0 : 1;
    for (activity& a : workers) a = {};
    ::new (&bell) sync::doorbell;
    ::new (&wanted) sync::event;
    ::new (&pool_lock) std::remove_cvref_t<decltype(pool_lock)>(sync::rank::leaf);
  }
  void run(unsigned thread) {
    if (thread == 1) {
      ended = last ? leader_ends(1) : stand_by_ends(2);
    } else if (last) {
      gs_store_relaxed(&d->shards[0].due_ms, std::uint64_t{0});
      wake_worker();
    } else {
      set_busy(1, true);
      call_for_watcher();
    }
  }
  void settled() { MODEL_ASSERT(!ended || started != 0); }
};

constexpr model::weakening edges[] = {
    {"doorbell.ring", "ring", model::op::light_fence, model::how::drop},
    {"doorbell.ring.fenced", "ring", model::op::full_fence, model::how::drop},
    {"doorbell.leave", "heavy_fence", model::op::heavy_fence, model::how::drop},
};

}  // namespace
}  // namespace rcu
}  // namespace graceslab

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::ending>(argc, argv, graceslab::rcu::edges);
}
