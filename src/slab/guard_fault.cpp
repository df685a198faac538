// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Somebody touched what a guarded object was, or what lies beside one: the report of it, in the
// handler. The page is opened, so that the program goes on.
#include <cstring>

#include "os/pages.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "slab/guard_slot.hpp"
#include "slab/heap.hpp"
#include "slab/hooks.hpp"
#include "slab/misuse.hpp"

namespace graceslab::slab {
namespace {

using ull = unsigned long long;

gs_report kind_of(const guard_story& story) noexcept {
  if (story.out) return GS_REPORT_OUT_OF_BOUNDS;
  return story.cookie != 0 ? GS_REPORT_USE_AFTER_GRACE_PERIOD : GS_REPORT_USE_AFTER_FREE;
}

const char* word_for(os::access a) noexcept {
  return a == os::access::write ? "write" : a == os::access::read ? "read" : "access";
}

void add_object(const guard_sight& seen, os::draft& text) noexcept {
  const guard_story& story = seen.story;
  text.add("object %p of cache '%s' #%u (%u bytes)", static_cast<const void*>(story.object),
           story.cache_name, story.cache, story.bytes);
  if (!story.out && story.cookie != 0)
    text.add(", whose grace period %llu is over", static_cast<ull>(story.cookie));
  else if (!story.out)
    text.add(", which is free");
}

void add_owners(const guard_sight& seen, os::draft& text) noexcept {
  text.add_from(
      [&seen](char* rest, std::size_t bytes) { debug_describe_owners(seen.who, rest, bytes); });
}

void report_fault(const os::memory_fault& fault, const guard_sight& seen) noexcept {
  os::draft text(kind_of(seen.story));
  text.add("%s at offset %td of ", word_for(fault.what), fault.address - seen.story.object);
  add_object(seen, text);
  const unsigned level = hooks.nesting(seen.story.domain);
  text.add(", by thread %u, ", os::tid());
  level != 0 ? text.add("inside a read-side section of its domain (level %u)", level)
             : text.add("outside any read-side section of its domain");
  text.add(", at");
  // Places are read as what a call returns to; the first instruction is none.
  os::stack from = os::stack_interrupted(fault.context);
  if (from.depth != 0) from.frame[0] = static_cast<char*>(from.frame[0]) + 1;
  text.add_from(
      [&from](char* rest, std::size_t bytes) { os::describe_stack(from, rest, bytes / 2); });
  add_owners(seen, text);
}

}  // namespace

bool guard_fault(const os::memory_fault& fault) noexcept {
  guard_sight seen;
  if (!in_range(fault.address) || !guard_touched(fault.address, &seen)) return false;
  if (!os::open_pages(seen.page, os::page_bytes())) return false;
  if (!seen.known) report_fault(fault, seen);
  return true;
}

void report_guard_damage(const cache& c, slab& s, const guard_damage& d, const char* when,
                         const void* site) noexcept {
  char where[160] = "the library";
  if (site != nullptr) os::describe_address(site, where, sizeof where);
  os::draft text(GS_REPORT_CORRUPT_OBJECT);
  text.add(
      "beside object %p of cache '%s' #%u (%zu bytes) was written: at offset %td (0x%02x, not "
      "0x%02x",
      static_cast<const void*>(s.start), c.name, c.id, guard_bytes(s), d.first, d.found,
      guard_byte);
  if (d.bytes > 1) text.add("; %u bytes in all", d.bytes);
  text.add("), found at %s by %s", when, where);
  owners who;
  {
    sync::lock_guard hold(const_cast<cache&>(c).slabs_lock);
    who = debug_owners_of(s, 0);
  }
  who.live = false;  // whoever is named last found it
  text.add_from([&who](char* rest, std::size_t bytes) { debug_describe_owners(who, rest, bytes); });
}

bool report_guarded(const void* object, const char* operation, const void* site) noexcept {
  guard_sight seen;
  if (gs_load_relaxed(&guards_made) == 0 || !guard_resting(object, &seen)) return false;
  const bool frees = std::strcmp(operation, "free") == 0 || std::strcmp(operation, "krealloc") == 0;
  os::draft text(frees                                   ? GS_REPORT_DOUBLE_FREE
                 : std::strcmp(operation, "retire") == 0 ? GS_REPORT_RETIRE_OF_FREED
                                                         : GS_REPORT_USE_OF_FREED);
  text.add("%s of ", operation);
  add_object(seen, text);
  text.add(", at %s; left alone", place(site).text);
  add_owners(seen, text);
  return true;
}

}  // namespace graceslab::slab
