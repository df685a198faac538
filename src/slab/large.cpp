// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/large.hpp"

#include "os/pages.hpp"
#include "os/sanitizer.hpp"
#include "slab/outlying.hpp"
#include "slab/patience.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t bytes_beyond = std::size_t{1} << 46;  // more than any machine maps

// Powers of two to here are always multiples of themselves, larger ones where there is room.
constexpr std::size_t aligned_most = std::size_t{4} << 20;

constexpr const char* too_large = "the address space ends before that";

// Under slabs_lock.
slab* run_at(cache& c, const void* object) noexcept {
  const gs_granule* g = granule_of(object);
  slab* s = g == nullptr                         ? outlying_at(object)
            : gs_load_relaxed(&g->cache) == c.id ? &slab_of(*g)
                                                 : nullptr;
  return s != nullptr && s->start == object ? s : nullptr;
}

large_run told(slab& s) noexcept { return {gs_load_relaxed(&states_of(s)[0]), whole_bytes(s)}; }

// Under slabs_lock; its pages go back afterwards.
void end_run(cache& c, slab& s) noexcept {
  os::take_over(start_of(s));
  os::forbid_object(start_of(s), whole_bytes(s), true);
  os::hand_over(&s.free);
  gs_store_relaxed(&states_of(s)[0], std::uint8_t{GS_STATE_FREE});
  list_remove(s);
  unmake_slab(c, s);
}

// Whoever comes from the system with a run, or takes one there, holds no lock, but has it in hand.
void* try_alloc(std::uint32_t granules, std::uint32_t align) noexcept {
  cache* c = large_cache();
  if (c == nullptr) return nullptr;
  transit in_hand(*c);
  slab* s = new_slab(*c, granules, 1, align);
  if (s == nullptr) return nullptr;
  s->carved = 1;
  os::take_over(s);
  os::allow_object(start_of(*s), whole_bytes(*s), true);
  sync::lock_guard hold(c->slabs_lock);
  if (is_outlying(*s)) outlying_add(*s);
  ++c->carved;
  c->resident_bytes += resident_bytes(*s);
  list_add(c->full_slabs, *s);
  gs_store_relaxed(&states_of(*s)[0], std::uint8_t{GS_STATE_LIVE});
  return start_of(*s);
}

}  // namespace

void* large_try(std::size_t bytes) noexcept {
  auto granules = static_cast<std::uint32_t>((bytes + granule_bytes - 1) >> GS_GRANULE_SHIFT);
  const bool natural = (bytes & (bytes - 1)) == 0;
  void* object = try_alloc(granules, natural ? granules : 1);
  return object == nullptr && natural && bytes > aligned_most ? try_alloc(granules, 1) : object;
}

void* large_alloc(std::size_t bytes, unsigned gfp, const void* site) noexcept {
  patience p{"kmalloc", bytes, gfp, site};
  if (bytes > bytes_beyond - granule_bytes) return p.never(too_large);
  for (;;) {
    if (void* object = large_try(bytes)) return object;
    if (bytes > os::memory_limit()) return p.never(too_large);
    if (!p.once_more(large_cache_found())) return nullptr;
  }
}

large_run large_look(const void* object) noexcept {
  cache* c = large_cache_found();
  if (c == nullptr) return {};
  sync::lock_guard hold(c->slabs_lock);
  slab* s = run_at(*c, object);
  return s != nullptr ? told(*s) : large_run{};
}

large_run large_free(void* object) noexcept {
  cache& c = *large_cache_found();
  transit in_hand(c);
  slab* ended = nullptr;
  large_run before;
  {
    sync::lock_guard hold(c.slabs_lock);
    slab* s = run_at(c, object);
    if (s == nullptr) return {};
    before = told(*s);
    if (before.state != GS_STATE_LIVE) return before;
    end_run(c, *s);
    ended = s;
  }
  give_back_slab(c, *ended);
  return before;
}

large_run large_retire(void* object) noexcept {
  cache& c = *large_cache_found();
  sync::lock_guard hold(c.slabs_lock);
  slab* s = run_at(c, object);
  if (s == nullptr) return {};
  const large_run before = told(*s);
  if (before.state == GS_STATE_LIVE) {
    gs_store_relaxed(&states_of(*s)[0], std::uint8_t{GS_STATE_RETIRED});
    os::hand_over(object);
  }
  return before;
}

std::size_t large_end(void* object) noexcept {
  cache& c = *large_cache_found();
  slab* s = nullptr;
  {
    sync::lock_guard hold(c.slabs_lock);
    s = run_at(c, object);
    end_run(c, *s);
  }
  const std::size_t bytes = whole_bytes(*s);
  give_back_slab(c, *s);
  return bytes;
}

cache* outlying_cache(const void* pointer) noexcept {
  if (in_range(pointer) || !any_outlying()) return nullptr;
  cache* c = large_cache_found();
  if (c == nullptr) return nullptr;
  sync::lock_guard hold(c->slabs_lock);
  return outlying_at(pointer) != nullptr ? c : nullptr;
}

}  // namespace graceslab::slab
