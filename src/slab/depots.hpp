// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The depots of a cache: how many, which is ours, and all of them at once.
//
// How many is a property of the machine, fixed before the first cache exists: one for every four
// cores or so (docs/scale.md), GRACESLAB_DEPOTS says otherwise.
#pragma once
#include "slab/cache.hpp"

namespace graceslab::slab {

inline constexpr unsigned depots_most = 64;
[[gnu::visibility("hidden")]] extern std::uint32_t depot_count;  // 1 .. depots_most

void settle_depot_count() noexcept;  // before the first cache
inline bool several_depots() noexcept { return depot_count != 1; }
// Memory for those of a new record, where there are several. Never given back once they are made,
// like the record: whoever has a stale pointer may still count himself in.
void* depots_new() noexcept;
void depots_drop(void* memory) noexcept;
void make_depots(cache& c, void* memory) noexcept;
void reset_depots(cache& c) noexcept;  // for a new cache in an old record, under barn_hold
depot& other_depot_here(cache& c) noexcept;

// That of the core which runs us. To be asked once per step: we may be moved meanwhile.
inline depot& depot_here(cache& c) noexcept {
  return GS_LIKELY(depot_count == 1) ? c.first_depot : other_depot_here(c);
}

struct depot_range {
  depot* first;
  depot* begin() const noexcept { return first; }
  depot* end() const noexcept { return first + depot_count; }
};
inline depot_range depots_of(cache& c) noexcept { return {c.depots}; }
inline depot_range depots_of(const cache& c) noexcept { return {c.depots}; }

// Every lock of the barn, for whoever counts: nothing moves meanwhile.
class barn_hold {
 public:
  explicit barn_hold(cache& c) noexcept;
  ~barn_hold();
  barn_hold(const barn_hold&) = delete;
  barn_hold& operator=(const barn_hold&) = delete;

 private:
  cache& c_;
};

// Under barn_hold.
struct barn_counts {
  std::uint64_t retired = 0;
  std::uint64_t reclaimed = 0;
  std::uint64_t parked = 0;  // free objects in full and reclaimed sheaves
  bool deferred = false;     // any
};
barn_counts count_barn(const cache& c) noexcept;

std::uint64_t objects_in(const sheaf_list& l) noexcept;  // under the lock of the list

// Of all depots; without a lock, hence not exact.
std::uint64_t deferred_objects(const cache& c) noexcept;
bool any_reclaimed(const cache& c) noexcept;

}  // namespace graceslab::slab
