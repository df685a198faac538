// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug_owner.hpp"

#include <cstring>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/sanitizer.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "slab/meta.hpp"

namespace graceslab::slab {
namespace {

bool keeps_owners(const cache& c) noexcept {
  return (c.flags & flag_store_user) != 0 ||
         ((c.flags & flag_watched) != 0 && os::sanitized_by(os::sanitizer_address));
}

std::size_t records_bytes(const slab& s) noexcept {
  return std::size_t{s.objects} * sizeof(object_record);
}

// Without the library's own frames. Under a sanitizer the call alone, where nobody asked for the
// whole stack: that takes long.
std::uint32_t stack_from(const cache& c, const void* site) noexcept {
  if ((c.flags & flag_store_user) == 0)
    return os::stack_id(os::stack{1, {const_cast<void*>(site)}});
  return os::stack_id(os::stack_since(site));
}

}  // namespace

bool debug_keeps_records(const cache& c) noexcept {
  return keeps_owners(c) || debug_keeps_sizes(c);
}

void debug_new_records(cache& c, slab& s) noexcept {
  if (!debug_keeps_records(c)) return;
  void* records = meta_alloc(records_bytes(s), GS_FAULT_META, c.id);
  if (records == nullptr) return;
  __builtin_memset(records, 0, records_bytes(s));
  s.records = static_cast<object_record*>(records);
}

void debug_drop_records(slab& s) noexcept {
  if (s.records != nullptr) meta_free(s.records, records_bytes(s));
}

owner debug_new_owner(const cache& c, const void* site) noexcept {
  if (!keeps_owners(c)) return {};
  return {site != nullptr ? stack_from(c, site) : 0, os::tid(), os::now_ms()};
}

void debug_set_owner(slab& s, std::uint32_t index, owned what, const owner& by) noexcept {
  if (s.records == nullptr) return;
  owner* all = s.records[index].by;
  owner& retired = all[static_cast<unsigned>(owned::retired)];
  owner& freed = all[static_cast<unsigned>(owned::freed)];
  if (what == owned::retired) freed = {};
  if (what == owned::freed) retired = {};
  (what == owned::reclaimed ? freed : all[static_cast<unsigned>(what)]) = by;
}

owners debug_owners_of(slab& s, std::uint32_t index) noexcept {
  owners who;
  if (s.records == nullptr) return who;
  for (unsigned i = 0; i != 3; ++i) who.by[i] = s.records[index].by[i];
  who.live = state_of(s, index) == GS_STATE_LIVE;
  return who;
}

std::uint32_t debug_asked_of(const cache& c, slab& s, std::uint32_t index) noexcept {
  const bool known = s.records != nullptr && debug_keeps_sizes(c);
  return known ? gs_load_relaxed(&s.records[index].asked) : c.size;
}

namespace {

// Whole lines of it.
void describe_within(std::uint32_t stack, char* text, std::size_t bytes) noexcept {
  os::describe_stack_id(stack, text, bytes);
  if (std::strlen(text) + 1 < bytes) return;
  if (char* last = std::strrchr(text, '\n'); last != nullptr) *last = '\0';
}

}  // namespace

// Each stack has its share of what is left: the last one says as much as the first.
std::size_t debug_describe_owners(const owners& who, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  const std::uint64_t now_ms = os::now_ms();
  std::size_t shares = 0;
  for (const owner& one : who.by) shares += one.tid != 0 ? 1 : 0;
  const auto add = [&](owned what, const char* did) {
    const owner& one = who.of(what);
    if (one.tid == 0) return;
    const char* when = who.live && what != owned::allocated ? "before that, " : "";
    out.add("\n  %s%s by thread %u, %llu ms ago", when, did, one.tid,
            static_cast<unsigned long long>(now_ms - one.at_ms));
    if (one.stack != 0) {
      out.add(", at");
      out.add_from(
          [&](char* rest, std::size_t room) { describe_within(one.stack, rest, room / shares); });
    }
    --shares;
  };
  const bool was_retired = who.of(owned::retired).tid != 0;
  add(owned::allocated, "allocated");
  add(owned::retired, "retired");
  add(owned::freed, was_retired ? "reclaimed" : "freed");
  return out.written();
}

}  // namespace graceslab::slab
