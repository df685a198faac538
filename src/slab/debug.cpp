// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug.hpp"

#include <cstdio>
#include <initializer_list>

#include "os/report.hpp"
#include "os/stack.hpp"

namespace graceslab::slab {
namespace {

constexpr unsigned char poison_byte = 0x6b,
                        poison_end = 0xa5;  // the kernel's values, known from its splats
constexpr unsigned char red_free = 0xbb, red_live = 0xcc;

// A constructed or type-safe object keeps its contents while it is free, so it is never poisoned.
bool poisons(const cache& c) noexcept {
  return (c.flags & flag_poison) != 0 && c.ctor == nullptr && (c.flags & flag_typesafe) == 0;
}

void fill_red_zone(cache& c, char* object, unsigned char byte) noexcept {
  if (c.red_zone_at != 0) __builtin_memset(object + c.red_zone_at, byte, c.stride - c.red_zone_at);
}

// The offset of the first byte that is not as expected, or -1.
long first_damaged(const char* from, std::size_t n, unsigned char byte) noexcept {
  for (std::size_t i = 0; i != n; ++i)
    if (static_cast<unsigned char>(from[i]) != byte) return static_cast<long>(i);
  return -1;
}

long damaged_at(cache& c, const char* object, bool live) noexcept {
  if (c.red_zone_at != 0) {
    long at =
        first_damaged(object + c.red_zone_at, c.stride - c.red_zone_at, live ? red_live : red_free);
    if (at >= 0) return at + static_cast<long>(c.red_zone_at);
  }
  if (live || !poisons(c)) return -1;
  long at = first_damaged(object, c.size - 1, poison_byte);
  if (at >= 0) return at;
  return static_cast<unsigned char>(object[c.size - 1]) == poison_end
             ? -1
             : static_cast<long>(c.size) - 1;
}

// A damaged object, and all that a report says of it: its slab may be gone by then.
struct finding {
  const char* object;
  long at;
  unsigned byte;
  std::uint32_t stacks[2];
};

finding found_at(slab& s, const char* object, long at) noexcept {
  finding f = {object, at, static_cast<unsigned char>(object[at]), {0, 0}};
  for (unsigned i = 0; s.stacks != nullptr && i != 2; ++i)
    f.stacks[i] = gs_load_relaxed(&s.stacks[index_of(s, object) * 2 + i]);
  return f;
}

std::size_t describe_stacks(const std::uint32_t (&stacks)[2], char* text,
                            std::size_t bytes) noexcept {
  std::size_t used = 0;
  const char* what[] = {"; allocated at", "; freed or retired at"};
  for (unsigned i = 0; i != 2 && used < bytes; ++i) {
    if (stacks[i] == 0) continue;
    int n = std::snprintf(text + used, bytes - used, "%s", what[i]);
    used += n > 0 ? static_cast<std::size_t>(n) : 0;
    if (used < bytes) used += os::describe_stack_id(stacks[i], text + used, bytes - used);
  }
  return used;
}

void report_damage(cache& c, const finding& f, const char* when, const void* site) {
  char where[160] = "validation";
  if (site != nullptr) os::describe_address(site, where, sizeof where);
  os::draft text(GS_REPORT_CORRUPT_OBJECT);
  text.add(
      "object %p of cache '%s' #%u (%u bytes) was overwritten at offset %ld (now 0x%02x), found "
      "at %s by %s; left alone",
      static_cast<const void*>(f.object), c.name, c.id, c.size, f.at, f.byte, when, where);
  text.add_from([&f](char* rest, std::size_t bytes) { describe_stacks(f.stacks, rest, bytes); });
}

void set_state(cache& c, slab& s, const char* object, std::uint8_t state) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  gs_store_relaxed(&states_of(s)[index_of(s, object)], state);
  if (state == GS_STATE_LEAKED) ++c.leaked;
}

void remember(cache& c, slab& s, const char* object, unsigned which) noexcept {
  if (s.stacks == nullptr) return;
  (void)c;
  gs_store_relaxed(&s.stacks[index_of(s, object) * 2 + which], os::stack_id(os::capture_stack(3)));
}

}  // namespace

void debug_new_object(cache& c, char* object) noexcept {
  fill_red_zone(c, object, red_free);
  if (!poisons(c)) return;
  __builtin_memset(object, poison_byte, c.size - 1);
  object[c.size - 1] = static_cast<char>(poison_end);
}

bool debug_before_alloc(cache& c, slab& s, char* object, const void* site) noexcept {
  long at = damaged_at(c, object, false);
  if (at >= 0) {
    report_damage(c, found_at(s, object, at), "allocation", site);
    set_state(c, s, object, GS_STATE_LEAKED);
    return false;
  }
  fill_red_zone(c, object, red_live);
  remember(c, s, object, 0);
  set_state(c, s, object, GS_STATE_LIVE);
  return true;
}

bool debug_before_free(cache& c, slab& s, char* object, const void* site) noexcept {
  long at = damaged_at(c, object, true);
  if (at >= 0) {
    report_damage(c, found_at(s, object, at), "free", site);
    set_state(c, s, object, GS_STATE_LEAKED);
    return false;
  }
  remember(c, s, object, 1);
  return true;
}

void debug_after_reclaim(cache& c, char* object) noexcept {
  set_state(c, slab_of(*granule_of(object)), object, GS_STATE_FREE);
  debug_new_object(c, object);
}

namespace {

constexpr unsigned findings_max = 32;  // reported one by one; more are only counted

// How an object ought to look. Under slabs_lock its state and its bit say who may be painting it:
// with the bit set nobody, while it is live or marked nobody either (users stay inside it). Whoever
// makes it one or the other has it in hand meanwhile, and it is FREE without its bit, or RETIRED.
enum class look { as_free, as_live, in_hand };

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

unsigned find_damage(cache& c, finding* found) noexcept {
  unsigned damaged = 0;
  sync::lock_guard hold(c.slabs_lock);
  for (slab_list* l : {&c.partial, &c.full_slabs, &c.empty_slabs, &c.quarantined})
    for (slab* s = l->head; s != nullptr; s = s->next)
      for (std::uint32_t i = 0; i != s->carved; ++i) {
        look wanted = expected_look(*s, i);
        if (wanted == look::in_hand) continue;
        long at = damaged_at(c, object_at(*s, i), wanted == look::as_live);
        if (at < 0) continue;
        if (damaged < findings_max) found[damaged] = found_at(*s, object_at(*s, i), at);
        ++damaged;
      }
  return damaged;
}

}  // namespace

// Reports are made without the lock: a handler may use the library.
int debug_validate(cache& c) noexcept {
  finding found[findings_max];
  unsigned damaged = find_damage(c, found);
  for (unsigned i = 0; i != damaged && i != findings_max; ++i)
    report_damage(c, found[i], "validation", nullptr);
  return static_cast<int>(damaged);
}

std::size_t debug_describe_owners(slab& s, std::uint32_t index, char* text,
                                  std::size_t bytes) noexcept {
  if (s.stacks == nullptr || bytes == 0) return 0;
  const std::uint32_t* of_object = s.stacks + index * 2;
  return describe_stacks({gs_load_relaxed(of_object), gs_load_relaxed(of_object + 1)}, text, bytes);
}

}  // namespace graceslab::slab
