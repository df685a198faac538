// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/charge.hpp"

#include "os/busted.hpp"
#include "slab/hooks.hpp"

namespace graceslab::slab {
namespace {

[[gnu::tls_model("initial-exec")]] __thread refusal refused;

}  // namespace

bool charge(cache& c, std::uint64_t bytes) noexcept {
  refused = {};
  const std::uint64_t limit = gs_load_relaxed(&c.memory.limit);
  if (!c.memory.add(bytes, limit)) {
    refused = {limited::by_cache, &c, bytes, c.memory.used(), limit};
    return false;
  }
  const std::uint64_t most = hooks.memory_limit(c.domain);
  sync::account& all = hooks.memory_of(c.domain);
  if (all.add(bytes, most)) return true;
  refused = {limited::by_domain, &c, bytes, all.used(), most};
  c.memory.take(bytes);
  return false;
}

void discharge(cache& c, std::uint64_t bytes) noexcept {
  c.memory.take(bytes);
  hooks.memory_of(c.domain).take(bytes);
}

bool limit_memory(cache& c, std::uintptr_t handle, std::uint64_t bytes) noexcept {
  os::open_window();
  sync::lock_guard hold(c.slabs_lock);  // a record becomes another cache under it
  if (!open_as(c, handle)) return false;
  gs_store_relaxed(&c.memory.limit, bytes);
  return true;
}

bool read_memory(cache& c, std::uintptr_t handle, gs_memory_use* use) noexcept {
  os::open_window();
  sync::lock_guard hold(c.slabs_lock);
  if (stage_of(c) == GS_STAGE_GONE || gs_load_relaxed(&c.handle) != handle) return false;
  *use = {c.memory.used(), gs_load_relaxed(&c.memory.limit)};
  return true;
}

refusal last_refusal(const cache* c) noexcept {
  return c != nullptr && refused.of == c ? refused : refusal{};
}

}  // namespace graceslab::slab
