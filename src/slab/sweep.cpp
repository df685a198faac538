// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A slab that holds one live object keeps its pages, but not those that only free objects lie on.
//
// What is in a free object must be nobody's business: constructed and type-safe ones keep their
// contents, and of poisoned ones they are checked. The objects are out of their slab, in our hands,
// while their pages are discarded, so that no lock is held meanwhile.
#include "os/pages.hpp"
#include "slab/debug.hpp"
#include "slab/slab.hpp"
#include "slab/transit.hpp"

namespace graceslab::slab {
namespace {

constexpr unsigned slabs_at_once = 16;
constexpr unsigned looks_at_once = 64;  // under one hold of the lock

// Objects of at least a page: the free ones of a slab stand in one word.
struct swept {
  slab* s;
  std::uint64_t bits;
};

// From sweep_at on. False: that was the end of the list. Who is at it at the same time, or begins
// anew, takes some of these.
bool take_free(cache& c, std::uint64_t limit_ms, swept* out, unsigned* n) noexcept {
  *n = 0;
  sync::lock_guard hold(c.slabs_lock);
  slab* s = c.sweep_at;
  for (unsigned i = 0; s != nullptr && *n != slabs_at_once && i != looks_at_once;
       s = s->next, ++i) {
    if (s->emptied_ms == 0 || s->emptied_ms > limit_ms) continue;
    s->emptied_ms = 0;
    const std::uint64_t bits = free_word(*s, 0);
    bits_of(*s)[0] &= ~bits;
    c.free_in_slabs -= s->free;
    s->free = 0;
    out[(*n)++] = {s, bits};
  }
  c.sweep_at = s;
  return s != nullptr;
}

void begin_sweep(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  c.sweep_at = c.partial.head;
}

// Calls f with the pages that lie whole in neighbours, for each group of these.
template <class F>
void each_inside(const slab& s, std::uint64_t bits, F f) noexcept {
  const std::uintptr_t page = os::page_bytes();
  while (bits != 0) {
    const auto first = static_cast<unsigned>(__builtin_ctzll(bits));
    const auto count = static_cast<unsigned>(__builtin_ctzll(~(bits >> first)));
    bits &= ~(((std::uint64_t{1} << count) - 1) << first);
    auto begin = reinterpret_cast<std::uintptr_t>(object_at(s, first));
    auto end = reinterpret_cast<std::uintptr_t>(object_at(s, first + count));
    begin = (begin + page - 1) & ~(page - 1);
    end &= ~(page - 1);
    if (end > begin) f(reinterpret_cast<char*>(begin), end - begin);
  }
}

void discard_each(const swept& w) noexcept {
  each_inside(*w.s, w.bits, [](char* start, std::size_t bytes) { os::discard(start, bytes); });
}

void put_back(cache& c, const swept* all, unsigned n) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  for (unsigned i = 0; i != n; ++i) {
    slab& s = *all[i].s;
    const auto count = static_cast<std::uint32_t>(__builtin_popcountll(all[i].bits));
    bits_of(s)[0] |= all[i].bits;
    change_resident(c, s, [&] { s.swept = all[i].bits; });
    s.hint = 0;
    s.free += count;
    c.free_in_slabs += count;
    if (s.list == &c.full_slabs && count != 0) {
      list_remove(s);
      list_add(c.partial, s);
    }
    if (s.free == s.carved) file_emptied(c, s);
  }
}

}  // namespace

bool has_free_pages(const cache& c) noexcept {
  return c.stride >= os::page_bytes() && c.slab_objects <= 63 && c.ctor == nullptr &&
         (c.flags & flag_typesafe) == 0 && !is_debug(c) && !is_large(c);
}

std::uint64_t resident_bytes(const slab& s) noexcept {
  const std::uint64_t page = os::page_bytes();
  const std::uint64_t used = is_large(*s.owner) ? whole_bytes(s) : s.populated;
  std::uint64_t bytes = (used + page - 1) / page * page;
  each_inside(s, s.swept, [&](char*, std::size_t gone) { bytes -= gone; });
  return bytes;
}

void discard_free_pages(cache& c, std::uint64_t limit_ms) noexcept {
  if (!has_free_pages(c)) return;
  begin_sweep(c);
  for (bool more = true; more;) {
    transit in_hand(c);
    if (!still_open(c)) return;
    swept all[slabs_at_once];
    unsigned n;
    more = take_free(c, limit_ms, all, &n);
    for (unsigned i = 0; i != n; ++i) discard_each(all[i]);
    put_back(c, all, n);
  }
}

}  // namespace graceslab::slab
