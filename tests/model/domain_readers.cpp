// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A section begins by a handle while another thread ends the domain: that finds it and gives the
// handle back, or the section finds that the handle is gone and is none.
//
// WEAK reader.named reader.named.counted domains.end
#include "model_rcu.hpp"

namespace graceslab::rcu {
namespace {

constexpr std::uintptr_t handle = 8;

struct enders : model::suite<enders, 2> {
  gs_domain* d = nullptr;
  bool counted = false;
  std::uint32_t next_life = 0;  // atomic

  void prepare() {
    model::fenced_readers = rl::rand(2) != 0;  // the two fence modes
    counted = rl::rand(2) != 0;
    ::new (&domains) sync::mutex(sync::rank::domains);
    d = fresh_domain(1);
    d->handle = handle;
    may_be_stale = true;
    next_life = 0;
  }
  void run(unsigned thread) { thread == 0 ? reader() : ender(); }

  void reader() {
    counted ? enter_counted({handle, d}) : enter({handle, d});
    if (levels_held({handle, d}) == 0) return;
    MODEL_ASSERT(gs_load_relaxed(&next_life) == 0);
    leave({handle, d});
  }
  void ender() {
    sync::lock_guard guard(domains);
    gs_store_seq_cst(&d->handle, no_handle);
    std::uint32_t inside;
    MODEL_ASSERT(count_readers({handle, d}, &inside));
    if (inside == 0)
      gs_store_relaxed(&next_life, 1u);
    else
      gs_store_relaxed(&d->handle, handle);
  }
};

constexpr model::weakening edges[] = {
    {"reader.named", "enter_slot", model::op::light_fence, model::how::drop},
    {"reader.named", "enter_slot", model::op::full_fence, model::how::drop},
    {"reader.named.counted", "count_in", model::op::full_fence, model::how::drop},
    {"domains.end", "heavy_fence", model::op::heavy_fence, model::how::drop},
    {"domains.end", "heavy_fence", model::op::full_fence, model::how::drop},
};

}  // namespace
}  // namespace graceslab::rcu

int main(int argc, char** argv) {
  graceslab::rcu::name_locals();
  return model::run<graceslab::rcu::enders>(argc, argv, graceslab::rcu::edges);
}
