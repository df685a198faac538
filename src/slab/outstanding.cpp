// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/outstanding.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "os/stack.hpp"
#include "slab/debug.hpp"

namespace graceslab::slab {
namespace {

using ull = unsigned long long;

constexpr unsigned sites_most = 32;  // told apart; objects of more are only counted
constexpr unsigned sites_shown = 4;

struct site {
  const void* first;
  bool retired;
  std::uint32_t allocated, retired_by;  // stacks; 0: not known
  ull objects;

  bool holds(bool is_retired, std::uint32_t from, std::uint32_t by) const noexcept {
    return (from | by) != 0 && retired == is_retired && allocated == from && retired_by == by;
  }
};

class tally_by_site {
 public:
  void add(const void* object, bool retired, const owners& who) noexcept {
    const std::uint32_t from = who.of(owned::allocated).stack;
    const std::uint32_t by = retired ? who.of(owned::retired).stack : 0;  // else in an earlier life
    site* end = all_ + n_;
    site* known =
        std::find_if(all_, end, [&](const site& s) { return s.holds(retired, from, by); });
    if (known != end)
      ++known->objects;
    else if (n_ != sites_most)
      all_[n_++] = {object, retired, from, by, 1};
    else
      ++others_;
  }
  unsigned sites() const noexcept { return n_; }

  void describe(base::writer& out) noexcept {
    std::sort(all_, all_ + n_, [](const site& a, const site& b) {
      return a.objects != b.objects ? a.objects > b.objects : a.first < b.first;
    });
    const unsigned shown = std::min(n_, sites_shown);
    for (unsigned i = 0; i != shown; ++i) describe(all_[i], out);
    ull more = others_;
    for (unsigned i = shown; i != n_; ++i) more += all_[i].objects;
    if (more != 0) out.add("\n  and %llu object%s of other sites", more, base::plural(more));
  }

 private:
  static void describe(const site& s, base::writer& out) noexcept {
    const char* state = s.retired ? "retired" : "allocated";
    if (s.objects == 1)
      out.add("\n  object %p (%s)", s.first, state);
    else
      out.add("\n  %llu objects (%s), the first is %p", s.objects, state, s.first);
    add_stack("allocated", s.allocated, out);
    add_stack("retired", s.retired_by, out);
  }

  static void add_stack(const char* what, std::uint32_t id, base::writer& out) noexcept {
    if (id == 0) return;
    out.add("; %s at", what);
    out.add_from([id](char* rest, std::size_t room) { os::describe_stack_id(id, rest, room); });
  }

  site all_[sites_most];
  unsigned n_ = 0;
  ull others_ = 0;
};

bool is_retired(std::uint8_t state) noexcept {
  return state == GS_STATE_RETIRED || state == GS_STATE_MARKED || state == GS_STATE_MARKED_NEXT;
}

void count(cache& c, bool retired_too, tally_by_site& found) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  for (slab_list* l : {&c.guarded, &c.partial, &c.full_slabs})
    for (slab* s = l->head; s != nullptr; s = s->next)
      for (std::uint32_t i = 0; i != s->carved; ++i) {
        if (s->records == nullptr && found.sites() == sites_shown) return;
        const std::uint8_t state = state_of(*s, i);
        const bool retired = is_retired(state);
        if (state == GS_STATE_LIVE || (retired && retired_too))
          found.add(object_at(*s, i), retired, debug_owners_of(*s, i));
      }
}

}  // namespace

std::size_t describe_outstanding(cache& c, bool retired_too, char* text,
                                 std::size_t bytes) noexcept {
  tally_by_site found;
  base::writer out(text, bytes);
  count(c, retired_too, found);
  found.describe(out);  // without the lock: names take a while
  return out.written();
}

}  // namespace graceslab::slab
