// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The registry is a treap: a search tree by address whose nodes are the runs' own descriptors, kept
// shallow by priorities that are a hash of the address.
#include "slab/outlying.hpp"

#include "base/hash.hpp"
#include "os/pages.hpp"
#include "os/sanitizer.hpp"

namespace graceslab::slab {
namespace {

slab* root;
std::size_t runs;  // atomic: read without the lock

std::uintptr_t address(const slab& s) noexcept { return reinterpret_cast<std::uintptr_t>(s.start); }
bool goes_above(const slab& a, const slab& b) noexcept {
  return base::mix(address(a)) > base::mix(address(b));
}

// Takes the place of the first one on its way down that it goes above, and splits what was there.
void insert(slab& s) noexcept {
  slab** at = &root;
  while (*at != nullptr && !goes_above(s, **at))
    at = address(s) < address(**at) ? &(*at)->below : &(*at)->above;
  slab* rest = *at;
  *at = &s;
  slab** below = &s.below;
  slab** above = &s.above;
  while (rest != nullptr)
    if (address(*rest) < address(s)) {
      *below = rest;
      below = &rest->above;
      rest = rest->above;
    } else {
      *above = rest;
      above = &rest->below;
      rest = rest->below;
    }
  *below = *above = nullptr;
}

// Its place goes to the two trees under it, joined.
void remove(slab& s) noexcept {
  slab** at = &root;
  while (*at != &s) at = address(s) < address(**at) ? &(*at)->below : &(*at)->above;
  slab* below = s.below;
  slab* above = s.above;
  while (below != nullptr && above != nullptr)
    if (goes_above(*below, *above)) {
      *at = below;
      at = &below->above;
      below = below->above;
    } else {
      *at = above;
      at = &above->below;
      above = above->below;
    }
  *at = below != nullptr ? below : above;
}

}  // namespace

bool outlying_map(slab& s, std::uint32_t align) noexcept {
  void* start = os::reserve(whole_bytes(s), std::size_t{align} << GS_GRANULE_SHIFT);
  if (start == nullptr) return false;
  if (in_range(start) || !os::commit(start, whole_bytes(s), s.owner->id)) {
    os::unreserve(start, whole_bytes(s));
    return false;
  }
  s.start = static_cast<char*>(start);
  os::add_root(start, whole_bytes(s));
  return true;
}

void outlying_unmap(slab& s) noexcept {
  os::remove_root(s.start, whole_bytes(s));
  os::allow(s.start, whole_bytes(s));  // whoever maps there next
  os::unreserve(s.start, whole_bytes(s));
}

void outlying_add(slab& s) noexcept {
  insert(s);
  gs_store_relaxed(&runs, runs + 1);
}

void outlying_remove(slab& s) noexcept {
  remove(s);
  gs_store_relaxed(&runs, runs - 1);
}

slab* outlying_at(const void* pointer) noexcept {
  auto wanted = reinterpret_cast<std::uintptr_t>(pointer);
  slab* s = root;
  while (s != nullptr && wanted - address(*s) >= whole_bytes(*s))
    s = wanted < address(*s) ? s->below : s->above;
  return s;
}

bool any_outlying() noexcept { return gs_load_relaxed(&runs) != 0; }

}  // namespace graceslab::slab
