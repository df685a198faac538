// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Saying what is out: at destroy, and when the splat limit passed.
#include <initializer_list>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/debug.hpp"
#include "teardown/teardown.hpp"

namespace graceslab::teardown {
namespace {

constexpr unsigned shown_objects = 4;
constexpr std::uint64_t repeat_factor = 3;

using ull = unsigned long long;

// The first few objects that are out, with who allocated them when that is kept.
void describe_objects(slab::cache& c, bool retired_too, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  unsigned shown = 0;
  sync::lock_guard hold(c.slabs_lock);
  for (slab::slab_list* l : {&c.partial, &c.full_slabs})
    for (slab::slab* s = l->head; s != nullptr && shown != shown_objects; s = s->next)
      for (std::uint32_t i = 0; i != s->carved && shown != shown_objects; ++i) {
        std::uint8_t state = slab::state_of(*s, i);
        bool retired =
            state == GS_STATE_RETIRED || state == GS_STATE_MARKED || state == GS_STATE_MARKED_NEXT;
        if (state != GS_STATE_LIVE && !(retired && retired_too)) continue;
        char owners[700] = "";
        slab::debug_describe_owners(*s, i, owners, sizeof owners);
        out.add("\n  object %p (%s)%s", static_cast<void*>(slab::object_at(*s, i)),
                retired ? "retired" : "allocated", owners);
        ++shown;
      }
}

void describe_destroyer(slab::cache& c, char* text, std::size_t bytes) noexcept {
  if (os::describe_stack_id(c.destroy_stack, text, bytes) == 0 && bytes > 1)
    text[0] = '?', text[1] = 0;
}

void splat(slab::cache& c, const tally& t, std::uint64_t age_ms) noexcept {
  char objects[2400] = "";
  char destroyer[900] = "";
  char reader[256] = "";
  describe_objects(c, t.live == 0, objects, sizeof objects);
  describe_destroyer(c, destroyer, sizeof destroyer);
  if (t.in_flight != 0) rcu::describe_blocker(reclaim::domain_of(c), reader, sizeof reader);
  os::report(
      GS_REPORT_LEAK,
      "cache '%s' still has %llu objects allocated and %llu retired, and %llu whose constructor "
      "runs, %llu ms after it was destroyed (the oldest is"
      " at least that old)%s%s; destroyed by%s%s",
      c.name, static_cast<ull>(t.live + t.leaked), static_cast<ull>(t.in_flight),
      static_cast<ull>(t.unborn), static_cast<ull>(age_ms), reader[0] != 0 ? "; held back by " : "",
      reader, destroyer, objects);
}

}  // namespace

void report_objects_at_destroy(slab::cache& c, const tally& t, bool retired_too) noexcept {
  char objects[2400] = "";
  char destroyer[900] = "";
  describe_objects(c, retired_too && t.live == 0, objects, sizeof objects);
  describe_destroyer(c, destroyer, sizeof destroyer);
  os::report(GS_REPORT_DESTROY_WITH_OBJECTS,
             "cache '%s' destroyed with %llu objects allocated and %llu retired ones not yet "
             "reclaimed; it lingers until"
             " they are home; destroyed by%s%s",
             c.name, static_cast<ull>(t.live + t.leaked), static_cast<ull>(t.in_flight), destroyer,
             objects);
}

std::uint64_t splat_if_due(slab::cache& c, std::uint64_t now_ms) noexcept {
  if ((c.flags & slab::flag_once_fully_freed) != 0) return os::forever_ms;
  std::uint64_t age_ms;
  {
    sync::lock_guard hold(lingering_lock);
    if (slab::stage_of(c) != GS_STAGE_DRAINING) return os::forever_ms;
    if (now_ms < c.next_splat_ms) return c.next_splat_ms - now_ms;
    age_ms = now_ms - c.closed_at_ms;
    c.next_splat_ms = c.closed_at_ms + age_ms * repeat_factor;
    ++c.splats;
  }
  tally t = count(c);
  if (t.live + t.leaked + t.in_flight + t.unborn != 0 || slab::newest_quarantine(c) != 0)
    splat(c, t, age_ms);
  notify_change();
  return age_ms * (repeat_factor - 1);
}

}  // namespace graceslab::teardown
