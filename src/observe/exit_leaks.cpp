// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a program left allocated, and which caches it left open: told once, at its end, after all
// that was in flight came home.
#include <algorithm>
#include <initializer_list>

#include "base/hash.hpp"
#include "observe/observe.hpp"
#include "os/debug_modes.hpp"
#include "os/exit.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/debug.hpp"

namespace graceslab::observe {
namespace {

using ull = unsigned long long;

constexpr unsigned places = 1024;  // for sites; objects of more are only counted
constexpr unsigned lines_most = 20, lines_of_caches = 5, calls_shown = 3;

// Objects of one cache that were allocated at one place. Open caches are told by their own.
struct site {
  const slab::cache* of;  // nullptr: no site
  std::uint32_t stack;    // 0: not kept
  ull objects, bytes;
};
site table[places];  // by hash, until all are known
unsigned sites;
site beyond;

void count(const slab::cache& c, std::uint32_t stack, ull objects, ull bytes) noexcept {
  unsigned at = static_cast<unsigned>(base::mix(std::uint64_t{c.id} << 32 | stack) % places);
  while (table[at].of != nullptr && (table[at].of != &c || table[at].stack != stack))
    at = (at + 1) % places;
  const bool known = table[at].of != nullptr;
  if (!known && sites == places - 1) {
    beyond.objects += objects;
    beyond.bytes += bytes;
    return;
  }
  sites += known ? 0 : 1;
  table[at] = {&c, stack, table[at].objects + objects, table[at].bytes + bytes};
}

void count_slab(slab::cache& c, slab::slab& s) noexcept {
  for (std::uint32_t i = 0; i != s.carved; ++i) {
    if (slab::state_of(s, i) != GS_STATE_LIVE) continue;
    const std::uint32_t stack = slab::debug_owners_of(s, i).of(slab::owned::allocated).stack;
    count(c, stack, 1, slab::is_large(c) ? slab::whole_bytes(s) : slab::debug_asked_of(c, s, i));
  }
}

// What lies in arrays looks allocated where there is no detection.
void count_undetected(slab::cache& c) noexcept {
  gs_cache_stats s;
  cache_stats(c, &s);
  if (s.live != 0) count(c, 0, s.live, s.live * c.size);
}

void count_cache(slab::cache& c) noexcept {
  if (!slab::detects(c)) return count_undetected(c);
  sync::lock_guard hold(c.slabs_lock);
  for (slab::slab_list* l : {&c.partial, &c.full_slabs, &c.guarded})
    for (slab::slab* s = l->head; s != nullptr; s = s->next) count_slab(c, *s);
}

bool is_left_open(const slab::cache& c) noexcept {
  return slab::stage_of(c) == GS_STAGE_OPEN && !slab::is_large(c) &&
         (c.flags & slab::flag_sized) == 0;
}

void add_calls(const char* what, std::uint32_t stack, os::draft& text) noexcept {
  if (stack == 0) return;
  text.add("%s ", what);
  text.add_from([stack](char* rest, std::size_t bytes) {
    os::describe_calls(stack, calls_shown, rest, bytes);
  });
}

void add_sites(unsigned shown, os::draft& text) noexcept {
  for (unsigned i = 0; i != shown; ++i) {
    const site& s = table[i];
    text.add("\n  %llu bytes in %llu object%s of cache '%s' #%u", s.bytes, s.objects,
             base::plural(s.objects), s.of->name, s.of->id);
    add_calls(", allocated at", s.stack, text);
  }
  for (unsigned i = shown; i != sites; ++i) {
    beyond.objects += table[i].objects;
    beyond.bytes += table[i].bytes;
  }
  if (beyond.objects != 0)
    text.add("\n  %llu bytes in %llu object%s of other sites", beyond.bytes, beyond.objects,
             base::plural(beyond.objects));
}

template <class F>
void each_cache(F f) noexcept {
  for (std::uint32_t id = 1; id < slab::cache_ids(); ++id) {
    slab::cache& c = *slab::cache_from_id(id);
    if (slab::stage_of(c) != GS_STAGE_GONE) f(c);
  }
}

void add_caches(unsigned shown, unsigned all, os::draft& text) noexcept {
  unsigned left = shown;
  each_cache([&](slab::cache& c) {
    if (left == 0 || !is_left_open(c)) return;
    --left;
    text.add("\n  cache '%s' #%u is open", c.name, c.id);
    add_calls(", created at", c.create_stack, text);
  });
  if (shown != all) text.add("\n  and %u caches more", all - shown);
}

// The last line of each kind is for those that are left over.
void tell(unsigned open) noexcept {
  std::sort(table, table + places, [](const site& a, const site& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.objects > b.objects;
  });
  ull objects = beyond.objects, bytes = beyond.bytes;
  for (unsigned i = 0; i != sites; ++i) {
    objects += table[i].objects;
    bytes += table[i].bytes;
  }
  const unsigned caches = open <= lines_of_caches ? open : lines_of_caches - 1;
  const unsigned left = lines_most - std::min(open, lines_of_caches);
  os::draft text(GS_REPORT_LEAKS_AT_EXIT);
  text.add("%llu object%s of %llu bytes %s allocated, and %u cache%s open", objects,
           base::plural(objects), bytes, objects == 1 ? "is" : "are", open,
           open == 1 ? " is" : "s are");
  add_sites(sites <= left && beyond.objects == 0 ? sites : std::min(sites, left - 1), text);
  add_caches(caches, open, text);
}

void tell_leaks() noexcept {
  if (!os::tells_leaks_at_exit() || os::exit_cut_short()) return;
  unsigned open = 0;
  each_cache([&open](slab::cache& c) {
    open += is_left_open(c) ? 1 : 0;
    count_cache(c);
  });
  if (open != 0 || sites != 0) tell(open);
}

[[gnu::constructor]] void register_leaks() noexcept {
  constexpr int after_drains = 900;
  os::on_process_exit(after_drains, tell_leaks);
}

}  // namespace
}  // namespace graceslab::observe
