// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug_damage.hpp"

#include <algorithm>

#include "base/format.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"

namespace graceslab::slab {
namespace {

constexpr unsigned char poison_byte = 0x6b,
                        poison_end = 0xa5;  // the kernel's values, known from its splats
constexpr unsigned char zone_free = 0xbb, zone_live = 0xcc;
constexpr std::uint32_t row_bytes = 16;

// A constructed or type-safe object keeps its contents while it is free, so it is never poisoned.
bool poisons(const cache& c) noexcept {
  return (c.flags & flag_poison) != 0 && c.ctor == nullptr && (c.flags & flag_typesafe) == 0;
}

bool has_zone(const cache& c) noexcept { return c.red_zone_at != 0; }

std::uint32_t zone_at(const cache& c, look as, std::uint32_t asked) noexcept {
  return as == look::as_live ? asked : c.red_zone_at;
}

// -1: anything.
int expected_at(const cache& c, look as, std::uint32_t asked, std::uint32_t offset) noexcept {
  if (has_zone(c) && offset >= zone_at(c, as, asked))
    return as == look::as_live ? zone_live : zone_free;
  if (as == look::as_live || !poisons(c) || offset >= c.size) return -1;
  return offset == c.size - 1 ? poison_end : poison_byte;
}

// The offset in [from, to) of the first byte that is another, or `to`. By words: most are right.
std::uint32_t first_other(const char* object, std::uint32_t from, std::uint32_t to,
                          unsigned char byte) noexcept {
  const std::uint64_t words = 0x0101010101010101u * byte;
  for (std::uint64_t word; from + sizeof word <= to; from += sizeof word) {
    __builtin_memcpy(&word, object + from, sizeof word);
    if (word != words) break;
  }
  while (from != to && static_cast<unsigned char>(object[from]) == byte) ++from;
  return from;
}

// The offset of the first wrong byte, or the stride.
std::uint32_t first_wrong(const cache& c, const char* object, look as,
                          std::uint32_t asked) noexcept {
  std::uint32_t end = c.stride;
  if (has_zone(c)) {
    const std::uint32_t begin = zone_at(c, as, asked);
    end = first_other(object, begin, c.stride, as == look::as_live ? zone_live : zone_free);
  }
  if (as == look::as_live || !poisons(c)) return end;
  const std::uint32_t last = c.size - 1, other = first_other(object, 0, last, poison_byte);
  if (other != last) return other;
  return static_cast<unsigned char>(object[last]) == poison_end ? end : last;
}

// From a row before the first wrong byte.
void copy_window(const cache& c, look as, finding* f) noexcept {
  const std::uint32_t row = f->first / row_bytes * row_bytes;
  f->window_at = row >= row_bytes ? row - row_bytes : 0;
  f->window_n = std::min(finding::window_bytes, c.stride - f->window_at);
  for (std::uint32_t i = 0; i != f->window_n; ++i) {
    f->found[i] = static_cast<unsigned char>(f->object[f->window_at + i]);
    f->expected[i] = static_cast<std::int16_t>(expected_at(c, as, f->asked, f->window_at + i));
  }
}

std::uint32_t count_wrong(const cache& c, look as, const finding& f) noexcept {
  std::uint32_t wrong = 0;
  for (std::uint32_t at = f.first; at != c.stride; ++at) {
    const int expected = expected_at(c, as, f.asked, at);
    wrong += expected >= 0 && static_cast<unsigned char>(f.object[at]) != expected;
  }
  return wrong;
}

}  // namespace

void paint_zone(const cache& c, char* object, look as, std::uint32_t asked) noexcept {
  if (!has_zone(c)) return;
  const std::uint32_t at = zone_at(c, as, asked);
  __builtin_memset(object + at, as == look::as_live ? zone_live : zone_free, c.stride - at);
}

void paint_free(const cache& c, char* object) noexcept {
  paint_zone(c, object, look::as_free, c.size);
  if (!poisons(c)) return;
  __builtin_memset(object, poison_byte, c.size - 1);
  object[c.size - 1] = static_cast<char>(poison_end);
}

bool find_damage(const cache& c, slab& s, std::uint32_t index, look as, finding* out) noexcept {
  const char* object = object_at(s, index);
  const std::uint32_t asked = as == look::as_live ? debug_asked_of(c, s, index) : c.size;
  const std::uint32_t first = first_wrong(c, object, as, asked);
  if (first == c.stride) return false;
  out->object = object;
  out->broken = nullptr;
  out->asked = asked;
  out->first = first;
  out->wrong = count_wrong(c, as, *out);
  out->in_zone = has_zone(c) && first >= zone_at(c, as, asked);
  out->who = debug_owners_of(s, index);
  copy_window(c, as, out);
  return true;
}

namespace {

bool counts_are_right(slab& s) noexcept {
  std::uint32_t free = 0;
  for (std::uint32_t word = 0; word != bit_words(s.objects); ++word)
    free += static_cast<std::uint32_t>(__builtin_popcountll(free_word(s, word)));
  return free == s.free && s.carved <= s.objects;
}

const char* disorder_of(const cache& c, slab& s, std::uint32_t index, bool was_counted) noexcept {
  if (s.owner != &c) return "another cache owns its slab";
  if (!was_counted && !counts_are_right(s)) return "the objects of its slab are miscounted";
  if (index >= s.carved) return "it was never made";
  const bool is_free = (free_word(s, index / 64) >> (index % 64) & 1) != 0;
  if (is_free && state_of(s, index) != GS_STATE_FREE) return "it lies free in its slab, and is not";
  return nullptr;
}

}  // namespace

bool find_disorder(const cache& c, slab& s, std::uint32_t index, bool was_counted,
                   finding* out) noexcept {
  const char* broken = disorder_of(c, s, index, was_counted);
  if (broken == nullptr) return false;
  *out = {};
  out->object = object_at(s, index);
  out->broken = broken;
  out->asked = c.size;
  out->who = debug_owners_of(s, index);
  return true;
}

namespace {

void add_row(const finding& f, std::uint32_t from, bool found, os::draft& text) noexcept {
  const std::uint32_t n = std::min(row_bytes, f.window_n - from);
  text.add("\n  %s +0x%04x: ", found ? "found   " : "expected", f.window_at + from);
  for (std::uint32_t i = from; i != from + n; ++i) {
    const int byte = found ? f.found[i] : f.expected[i];
    byte < 0 ? text.add(" ..") : text.add(" %02x", static_cast<unsigned>(byte));
  }
  if (!found) return;
  text.add("%*s", static_cast<int>((row_bytes - n) * 3 + 2), "");
  for (std::uint32_t i = from; i != from + n; ++i)
    text.add("%c", f.found[i] >= ' ' && f.found[i] < 0x7f ? f.found[i] : '.');
}

bool row_is_wrong(const finding& f, std::uint32_t from) noexcept {
  for (std::uint32_t i = from; i != f.window_n && i != from + row_bytes; ++i)
    if (f.expected[i] >= 0 && f.expected[i] != f.found[i]) return true;
  return false;
}

// Rows of 16 bytes, those that are wrong with what ought to stand there.
void add_bytes(const finding& f, os::draft& text) noexcept {
  for (std::uint32_t from = 0; from < f.window_n; from += row_bytes) {
    add_row(f, from, true, text);
    if (row_is_wrong(f, from)) add_row(f, from, false, text);
  }
}

void add_wrong_byte(const finding& f, os::draft& text) noexcept {
  const std::uint32_t in_window = f.first - f.window_at;
  text.add(" was overwritten at offset %u (0x%02x, not 0x%02x", f.first, f.found[in_window],
           static_cast<unsigned>(f.expected[in_window]));
  if (f.wrong > 1) text.add("; %u bytes in all", f.wrong);
  text.add(f.in_zone ? "; its red zone)" : "; poison of a free object)");
}

}  // namespace

void report_damage(const cache& c, const finding& f, const char* when, const void* site) noexcept {
  char where[160] = "the library";
  if (site != nullptr) os::describe_address(site, where, sizeof where);
  os::draft text(GS_REPORT_CORRUPT_OBJECT);
  text.add("object %p of cache '%s' #%u (%u bytes", static_cast<const void*>(f.object), c.name,
           c.id, c.size);
  if (f.asked != c.size) text.add(", %u asked for", f.asked);
  text.add(")");
  if (f.broken != nullptr)
    text.add(" is in disorder: %s", f.broken);
  else
    add_wrong_byte(f, text);
  text.add(", found at %s by %s; left alone", when, where);
  if (f.broken == nullptr) add_bytes(f, text);
  text.add_from([&f](char* rest, std::size_t bytes) { debug_describe_owners(f.who, rest, bytes); });
}

void report_more_damage(const cache& c, unsigned more, const char* when) noexcept {
  os::report(GS_REPORT_CORRUPT_OBJECT,
             "%u more object%s of cache '%s' #%u, found at %s; left alone", more,
             base::plural(more), c.name, c.id, when);
}

}  // namespace graceslab::slab
