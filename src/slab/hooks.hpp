// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What slabs need to know of grace periods, as opaque cookies. one constant table that the layers
// above fill in.
#pragma once
#include <cstdint>

#include "slab/cache.hpp"
#include "slab/charge.hpp"

namespace graceslab::slab {

// Domains by their handles.
struct grace_hooks {
  std::uint64_t (*snapshot)(gs_domain*) noexcept;            // full fence, then a cookie
  bool (*ready)(gs_domain*, std::uint64_t cookie) noexcept;  // one load
  // n objects more, an array or one by state byte, joined `depth` that wait in the same place:
  // maybe drive. Blocks only a retirer, and only where a limit says so; depth 0: the caller
  // collects for others, and no limit applies.
  void (*deferred)(cache&, std::uint32_t n, std::uint64_t depth) noexcept;
  void (*reclaimed)(cache&, std::uint32_t n) noexcept;  // accounting
  void (*weigh)(cache&, std::int64_t bytes) noexcept;  // the same for page runs, whose sizes differ
  void (*activate)(cache&) noexcept;                   // something waits for the background thread
  void (*late_free)(cache&, void* object,
                    const void* site) noexcept;  // a plain free after destroy came home
  void (*ripen)(cache&) noexcept;                // destructors wait to be run; never blocks
  // Memory ran out, for this cache or (nullptr) for a new one: what is free in any cache goes where
  // all take from; unless 0 ms are given, also what waits for a grace period. Only of those that
  // count against the limit which is met. True: something came of it.
  bool (*relieve)(cache*, limited by, std::uint64_t wait_most_ms) noexcept;
  sync::account& (*memory_of)(gs_domain*) noexcept;
  std::uint64_t (*memory_limit)(gs_domain*) noexcept;  // 0: none
  std::uint32_t (*domain_id)(gs_domain*) noexcept;
  // Of this thread; also in signal handlers. 0 through a stale handle.
  unsigned (*nesting)(gs_domain*) noexcept;
  // open(c) while the cache's domain cannot end; false: that has ended, which is reported.
  bool (*open_in_domain)(cache& c, void (*open)(cache&)) noexcept;
};
extern const grace_hooks hooks;  // defined by teardown, the layer above all that it names

}  // namespace graceslab::slab
