// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug.hpp"

#include <initializer_list>

#include "os/report.hpp"
#include "os/sanitizer.hpp"
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
  object_stacks stacks;
};

finding found_at(slab& s, const char* object, long at) noexcept {
  return {object, at, static_cast<unsigned char>(object[at]),
          debug_stacks_of(s, index_of(s, object))};
}

void report_damage(cache& c, const finding& f, const char* when, const void* site) {
  char where[160] = "validation";
  if (site != nullptr) os::describe_address(site, where, sizeof where);
  os::draft text(GS_REPORT_CORRUPT_OBJECT);
  text.add(
      "object %p of cache '%s' #%u (%u bytes) was overwritten at offset %ld (now 0x%02x), found "
      "at %s by %s; left alone",
      static_cast<const void*>(f.object), c.name, c.id, c.size, f.at, f.byte, when, where);
  text.add_from(
      [&f](char* rest, std::size_t bytes) { debug_describe_stacks(f.stacks, rest, bytes); });
}

void set_state(cache& c, slab& s, const char* object, std::uint8_t state) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  gs_store_relaxed(&states_of(s)[index_of(s, object)], state);
  if (state == GS_STATE_LEAKED) ++c.leaked;
}

// To a thread that may hold it from now on. Others have written into it: those whose object this
// was, and before they came to be one, those who had its pages.
void hand_out(cache& c, slab& s, char* object) noexcept {
  if (!os::sanitized()) return;
  os::take_over(&s);
  os::take_over(object);
  if ((c.flags & flag_typesafe) == 0)
    os::allow_object(object, c.size, c.ctor != nullptr);
  else
    os::allow(object, c.size);
}

// To whoever has it, or its pages, next.
void pass_on(slab& s, const char* object) noexcept {
  os::hand_over(object);
  os::hand_over(&s.free);
}

// Under a sanitizer the call alone, where nobody asked for the whole stack: that takes long.
void remember(cache& c, slab& s, const char* object, unsigned which, const void* site) noexcept {
  if (s.stacks == nullptr) return;
  const bool whole = (c.flags & flag_store_user) != 0;
  const os::stack frames = whole ? os::capture_stack(3) : os::stack{1, {const_cast<void*>(site)}};
  gs_store_relaxed(&s.stacks[index_of(s, object) * 2 + which], os::stack_id(frames));
}

}  // namespace

unsigned debug_flags(unsigned asked_for) noexcept {
  if (!os::sanitized() || (asked_for & flag_large_runs) != 0) return asked_for;
  unsigned flags = (asked_for & ~flag_no_detection) | flag_watched;
  if (os::sanitizers_here != os::sanitizer_thread)
    flags &= ~(flag_poison | flag_red_zone | flag_checks);
  return flags;
}

std::uint32_t debug_zone_bytes(unsigned flags) noexcept {
  constexpr std::uint32_t zone_bytes = 16;
  const bool zone = (flags & flag_red_zone) != 0 || os::sanitized_by(os::knows_memory);
  return zone ? zone_bytes : 0;
}

void debug_new_slab(slab& s) noexcept {
  if (!os::sanitized()) return;
  os::take_over(&gs_heap);
  os::hand_over(&s);
  os::forbid(start_of(s), whole_bytes(s));
}

void debug_old_slab(slab& s) noexcept {
  os::take_over(&s.free);
  os::hand_over(&gs_heap);
}

std::uint32_t debug_take(slab& s, void** out, std::uint32_t n) noexcept {
  std::uint64_t* bits = bits_of(s);
  for (std::uint32_t taken = 0; taken != n; ++taken) {
    if (s.turn == s.objects) s.turn = 0;
    std::size_t at = s.turn / 64;
    std::uint64_t word = bits[at] & ~std::uint64_t{0} << s.turn % 64;
    while (word == 0) word = bits[at = (at + 1) % bit_words(s.objects)];
    const auto bit = static_cast<std::uint32_t>(__builtin_ctzll(word));
    bits[at] &= ~(std::uint64_t{1} << bit);
    s.turn = static_cast<std::uint32_t>(at * 64) + bit + 1;
    out[taken] = object_at(s, s.turn - 1);
  }
  s.free -= n;
  return n;
}

void debug_construct(cache& c, char* object) noexcept {
  debug_new_object(c, object);
  os::take_over(&slab_of(*granule_of(object)));
  os::allow(object, c.size);
}

void debug_constructed(cache& c, char* object) noexcept {
  os::hand_over(object);
  if ((c.flags & flag_typesafe) == 0) os::forbid(object, c.size);
}

void debug_destroy(cache& c, void* const* objects, std::uint32_t n) noexcept {
  if (!os::sanitized_by(os::sanitizer_thread)) return;
  os::take_over(&c);  // of a cache one runs at a time
  for (std::uint32_t i = 0; i != n; ++i) os::take_over(objects[i]);
}
void debug_destroyed(cache& c) noexcept {
  os::hand_over(&c);
  os::hand_over(&table);
}
void debug_wait_ended(const cache& c) noexcept { os::take_over(&c); }
void debug_wait_ended() noexcept { os::take_over(&table); }

void debug_new_object(cache& c, char* object) noexcept {
  fill_red_zone(c, object, red_free);
  if (!poisons(c)) return;
  __builtin_memset(object, poison_byte, c.size - 1);
  object[c.size - 1] = static_cast<char>(poison_end);
}

bool debug_before_alloc(cache& c, slab& s, char* object, const void* site) noexcept {
  hand_out(c, s, object);
  long at = damaged_at(c, object, false);
  if (at >= 0) {
    report_damage(c, found_at(s, object, at), "allocation", site);
    set_state(c, s, object, GS_STATE_LEAKED);
    return false;
  }
  fill_red_zone(c, object, red_live);
  remember(c, s, object, 0, site);
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
  remember(c, s, object, 1, site);
  pass_on(s, object);
  return true;
}

void debug_after_reclaim(cache& c, char* object) noexcept {
  slab& s = slab_of(*granule_of(object));
  os::take_over(object);
  set_state(c, s, object, GS_STATE_FREE);
  debug_new_object(c, object);
  if (!os::sanitized()) return;
  if ((c.flags & flag_typesafe) == 0) os::forbid_object(object, c.stride, c.ctor != nullptr);
  pass_on(s, object);
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

object_stacks debug_stacks_of(slab& s, std::uint32_t index) noexcept {
  if (s.stacks == nullptr) return {};
  const std::uint32_t* of_object = s.stacks + index * 2;
  return {gs_load_relaxed(of_object), gs_load_relaxed(of_object + 1)};
}

std::size_t debug_describe_stacks(const object_stacks& stacks, char* text,
                                  std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  const auto add = [&out](const char* what, std::uint32_t id) {
    if (id == 0) return;
    out.add("; %s at", what);
    out.add_from([id](char* rest, std::size_t room) { os::describe_stack_id(id, rest, room); });
  };
  add("allocated", stacks.allocated);
  add("freed or retired", stacks.given_back);
  return out.written();
}

namespace {

void forbid_beyond(const void* object, std::size_t size) noexcept {
  if (!os::sanitized_by(os::knows_memory)) return;
  const std::size_t whole = usable_bytes(object);
  if (size < whole) os::forbid(static_cast<const char*>(object) + size, whole - size);
}

}  // namespace

// A byte more than was asked for at least, and a power of two is a multiple of itself.
void* debug_kmalloc(kmalloc_function* plain, std::size_t size, unsigned gfp,
                    const void* site) noexcept {
  constexpr std::size_t largest_doubled = 256u << 10, largest = std::size_t{1} << 40;
  const bool power = size != 0 && (size & (size - 1)) == 0;
  std::size_t bytes = size;
  if (os::sanitized_by(os::knows_memory) && size < largest) {
    if (!power) bytes = size + 1;
    if (power && size <= largest_doubled) bytes = size * 2;
  }
  void* object = plain(bytes, gfp, site);
  if (object != nullptr) forbid_beyond(object, size);
  return object;
}

void resize_slowly(const void* object, std::size_t size) noexcept {
  os::allow(object, usable_bytes(object));
  forbid_beyond(object, size);
}

}  // namespace graceslab::slab
