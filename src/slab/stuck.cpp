// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A constructor that does not return (sync/overdue.hpp): whoever waits for the end of its cache
// looks. Page: docs/ordering/teardown.md, claim 10
#include "base/format.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/birth.hpp"
#include "slab/construct.hpp"

namespace graceslab::slab {
namespace {

// A constructor that runs, of a cache that may be gone once the lock is.
struct running {
  sync::overdue what;
  char of[sizeof(cache::name) + 32] = "";
};

// Under slabs_lock. What is done grows by one for each that returned, so while it stands still it
// is the same that runs.
bool seen_for(birth& b, std::uint64_t now, running* found) noexcept {
  if (b.runner == nullptr) return false;
  const std::uint32_t at = gs_load_relaxed(&b.done);
  if (at != b.looked_at) b.clock = {};
  b.looked_at = at;
  const cache& c = *b.owner;
  found->what = {reinterpret_cast<const void*>(c.ctor), b.tid, 0};
  base::writer(found->of, sizeof found->of).add(" of cache '%s' #%u", c.name, c.id);
  return sync::seen_before(b.clock, now, &found->what.age_ms);
}

void describe(const running& r, char* text, std::size_t bytes) noexcept {
  (void)sync::describe(r.what, "constructor", r.of, text, bytes);
}

}  // namespace

// One at a time: whoever waits looks again.
void look_for_stuck_constructor(cache& c, const char* waiter) noexcept {
  running found;
  bool due = false;
  const std::uint64_t now = sync::overdue_now_ms();
  {
    sync::lock_guard hold(c.slabs_lock);
    for (birth* b = c.births; b != nullptr && !due; b = b->next)
      due = seen_for(*b, now, &found) && sync::report_is_due(b->clock, found.what.age_ms);
  }
  if (!due) return;
  os::draft text(GS_REPORT_STALL);
  text.add_from([&](char* rest, std::size_t bytes) { describe(found, rest, bytes); });
  text.add("; %s waits for it", waiter);
  text.add_from([&](char* rest, std::size_t bytes) {
    (void)os::describe_thread(found.what.tid, rest, bytes);
  });
}

bool describe_constructing(cache& c, stuck_stack stack, char* text, std::size_t bytes) noexcept {
  running oldest;
  const std::uint64_t now = sync::overdue_now_ms();
  {
    sync::lock_guard hold(c.slabs_lock);
    for (birth* b = c.births; b != nullptr; b = b->next) {
      running found;
      (void)seen_for(*b, now, &found);
      const bool runs = found.what.func != nullptr;
      if (runs && (oldest.what.func == nullptr || found.what.age_ms > oldest.what.age_ms))
        oldest = found;
    }
  }
  base::writer out(text, bytes);
  if (oldest.what.func == nullptr) return false;
  out.add_from([&](char* rest, std::size_t n) { describe(oldest, rest, n); });
  if (stack == stuck_stack::told)
    out.add_from(
        [&](char* rest, std::size_t n) { (void)os::describe_thread(oldest.what.tid, rest, n); });
  return true;
}

bool anybody_constructs(cache& c) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  const birth* b = c.births;
  while (b != nullptr && b->runner == nullptr) b = b->next;
  return b != nullptr;
}

}  // namespace graceslab::slab
