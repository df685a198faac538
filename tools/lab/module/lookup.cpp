// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers of the table, and the records they read.
#include "records.hpp"
#include "table.hpp"

namespace graceslab::lab::module {
namespace {

// The last of `n` sorted keys that is not beyond `a`; n when all are.
template <class Key>
std::size_t last_not_beyond(std::size_t n, address a, Key key) {
  std::size_t low = 0, left = n;
  while (left > 0) {
    std::size_t half = left / 2;
    if (a < key(low + half)) {
      left = half;
    } else {
      low += half + 1;
      left -= half + 1;
    }
  }
  return low == 0 ? n : low - 1;
}

// The acquire loads keep the second look at the version behind the fields; on x86-64 they cost
// nothing.
int read_record(record* r, address first, address a) {
  std::uint32_t version = gs_load_acquire(&r->version);
  address begin = {gs_load_acquire(&r->first.high), gs_load_acquire(&r->first.low)};
  address end = {gs_load_acquire(&r->last.high), gs_load_acquire(&r->last.low)};
  int country = gs_load_acquire(&r->country);
  if ((version & 1u) != 0 || gs_load_relaxed(&r->version) != version || !(begin == first))
    return reused_early;
  return end < a ? not_found : country;
}

}  // namespace

void write_record(record* r, const range& from) {
  std::uint32_t version = gs_load_relaxed(&r->version);
  if (self.options.approach != approach::linger_typesafe)
    version = 0;  // no constructor: may be anything
  gs_store_relaxed(&r->version, version | 1u);
  gs_full_fence();
  gs_store_relaxed(&r->first.high, from.first.high);
  gs_store_relaxed(&r->first.low, from.first.low);
  gs_store_relaxed(&r->last.high, from.last.high);
  gs_store_relaxed(&r->last.low, from.last.low);
  gs_store_relaxed(&r->country, std::int32_t{from.country});
  gs_store_release(&r->version, (version | 1u) + 1);
}

int lookup(address a) {
  table* t = rcu_dereference(self.published);
  if (t == nullptr) return not_found;
  std::size_t b = last_not_beyond(t->buckets, a, [t](std::size_t i) { return t->first[i]; });
  if (b == t->buckets) return not_found;
  for (;;) {
    chunk* c = rcu_dereference(t->bucket[b]);
    std::size_t i =
        last_not_beyond(c->count, a, [c](std::size_t k) { return c->entries[k].first; });
    if (i == c->count) return not_found;
    int answer = read_record(c->entries[i].rec, c->entries[i].first, a);
    // A type-safe record may be another one by now: the chunk was replaced before it was freed, so
    // look again.
    if (answer == reused_early && self.options.approach == approach::linger_typesafe) continue;
    return answer;
  }
}

}  // namespace graceslab::lab::module
