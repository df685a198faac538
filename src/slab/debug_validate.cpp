// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking at all objects of a cache, beside threads that use them.
#include <initializer_list>

#include "slab/debug.hpp"

namespace graceslab::slab {
namespace {

// Under slabs_lock the state of an object and its bit say who may be painting it: with the bit set
// nobody, while it is live or marked nobody either (users stay inside it). Whoever makes it one or
// the other has it in hand meanwhile, and it is FREE without its bit, or RETIRED.
look expected_look(slab& s, std::uint32_t i) noexcept {
  switch (state_of(s, i)) {
    case GS_STATE_FREE:
      return (bits_of(s)[i / 64] >> (i % 64) & 1) != 0 ? look::as_free : look::in_hand;
    case GS_STATE_LIVE:
    case GS_STATE_MARKED:
    case GS_STATE_MARKED_NEXT:
      return look::as_live;
    default:
      return look::in_hand;  // or left alone
  }
}

bool is_wrong(cache& c, slab& s, std::uint32_t i, finding* out) noexcept {
  if (find_disorder(c, s, i, i != 0, out)) return true;
  const look as = is_debug(c) ? expected_look(s, i) : look::in_hand;
  return as != look::in_hand && find_damage(c, s, i, as, out);
}

}  // namespace

// Reports are made without the lock: a handler may use the library.
int debug_validate(cache& c) noexcept {
  findings damaged(c, "validation");
  sync::lock_guard hold(c.slabs_lock);
  for (slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined})
    for (slab* s = l->head; s != nullptr; s = s->next)
      for (std::uint32_t i = 0; i != s->carved; ++i)
        if (is_wrong(c, *s, i, damaged.next())) damaged.keep();
  return static_cast<int>(damaged.count());
}

int debug_validate_all() noexcept {
  int damaged = 0;
  for (std::uint32_t id = 1; id < cache_ids(); ++id) {
    cache& c = *cache_from_id(id);
    loan lent(c, gs_load_relaxed(&c.handle));
    if (lent.get() != nullptr && stage_of(c) != GS_STAGE_GONE) damaged += debug_validate(c);
  }
  return damaged;
}

}  // namespace graceslab::slab
