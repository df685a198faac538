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
  object_stacks stacks;
  ull objects;

  bool holds(bool is_retired, const object_stacks& of) const noexcept {
    return stacks.known() && retired == is_retired && stacks.allocated == of.allocated &&
           stacks.given_back == of.given_back;
  }
};

class tally_by_site {
 public:
  void add(const void* object, bool retired, object_stacks stacks) noexcept {
    if (!retired) stacks.given_back = 0;  // in an earlier life
    site* end = all_ + n_;
    site* known = std::find_if(all_, end, [&](const site& s) { return s.holds(retired, stacks); });
    if (known != end)
      ++known->objects;
    else if (n_ != sites_most)
      all_[n_++] = {object, retired, stacks, 1};
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
    out.add_from(
        [&s](char* rest, std::size_t bytes) { debug_describe_stacks(s.stacks, rest, bytes); });
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
  for (slab_list* l : {&c.partial, &c.full_slabs})
    for (slab* s = l->head; s != nullptr; s = s->next)
      for (std::uint32_t i = 0; i != s->carved; ++i) {
        if (s->stacks == nullptr && found.sites() == sites_shown) return;
        const std::uint8_t state = state_of(*s, i);
        const bool retired = is_retired(state);
        if (state == GS_STATE_LIVE || (retired && retired_too))
          found.add(object_at(*s, i), retired, debug_stacks_of(*s, i));
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
