// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Taking and naming call stacks.
#include "os/stack.hpp"

#include <execinfo.h>
#include <graceslab/detail/atomic.h>

#include <cstring>

#include "base/format.hpp"
#include "base/hash.hpp"
#include "os/keep_errno.hpp"
#include "os/kept.hpp"
#include "os/place.hpp"
#include "os/sanitizer.hpp"

// Of the unwinder, which the C library loads when it is needed: not there in every program.
struct fde_bases {
  void* text;
  void* data;
  void* function;
};
extern "C" [[gnu::weak]] const void* _Unwind_Find_FDE(void* pc, fde_bases* bases) noexcept;

namespace graceslab::os {
namespace {

// Known stacks, found by the hash of their addresses.
struct entry {
  std::uint64_t hash;
  std::uint32_t next;
  stack frames;
  std::uint32_t place[stack_depth];
};

// Both are guarded by kept_guard.
kept_records<entry, 65536> entries;
kept_chains by_hash;

std::uint64_t forgotten;

bool same(const stack& a, const stack& b) noexcept {
  return a.depth == b.depth && std::memcmp(a.frame, b.frame, a.depth * sizeof a.frame[0]) == 0;
}

std::uint64_t hash_of(const stack& frames) noexcept {
  std::uint64_t h = gs_load_relaxed(&forgotten);
  for (unsigned i = 0; i < frames.depth; ++i)
    h = base::mix(h ^ reinterpret_cast<std::uintptr_t>(frames.frame[i]));
  return h;
}

std::uint32_t find(const stack& frames, std::uint64_t hash) noexcept {
  for (std::uint32_t id = by_hash.first(hash); id; id = entries[id].next)
    if (entries[id].hash == hash && same(entries[id].frames, frames)) return id;
  return 0;
}

std::uint32_t insert(entry fresh) noexcept {
  if (const std::uint32_t known = find(fresh.frames, fresh.hash)) return known;
  fresh.next = by_hash.first(fresh.hash);
  const std::uint32_t id = by_hash.ready() ? entries.add(fresh) : 0;
  if (id != 0) by_hash.set_first(fresh.hash, id);
  return id;
}

// A static program registers its unwind tables in a constructor of its own, which comes after ours;
// the unwinder aborts when it is asked before. Shared objects have theirs at once.
bool can_unwind() noexcept {
  fde_bases found{};
  return !_Unwind_Find_FDE || _Unwind_Find_FDE(reinterpret_cast<void*>(can_unwind), &found);
}

int unwind(void** frame, unsigned most) noexcept {
  return can_unwind() ? backtrace(frame, static_cast<int>(most)) : 0;
}

// The first backtrace() loads the unwinder, with locks and memory; later ones need neither.
[[gnu::constructor(102)]] void start_stacks() noexcept {
  void* frame[2];
  unwind(frame, 2);
}

}  // namespace

[[gnu::noinline]] stack capture_stack(unsigned skip) noexcept {
  keep_errno keep;
  constexpr unsigned most_skipped = 16;
  void* frame[stack_depth + most_skipped];
  skip = (skip < most_skipped - 1 ? skip : most_skipped - 1) + 1;  // and this function
  const int taken = unwind(frame, stack_depth + skip);
  stack result;
  for (int i = static_cast<int>(skip); i < taken; ++i) result.frame[result.depth++] = frame[i];
  return result;
}

[[gnu::noinline]] stack stack_since(const void* site) noexcept {
  stack all = capture_stack(1);
  unsigned first = 0;
  while (first != all.depth && all.frame[first] != site) ++first;
  if (first == 0 || first == all.depth) return all;
  stack result;
  while (first != all.depth) result.frame[result.depth++] = all.frame[first++];
  return result;
}

namespace {

std::size_t describe(const void* address, address_is what, char* text, std::size_t bytes) noexcept {
  const std::uint32_t id = place_of(address, what);
  name_places(&id, 1);
  const std::size_t length = describe_place(id, what, text, bytes);
  return length != 0 ? length : describe_unkept(address, what, text, bytes);
}

void find_places(const stack& frames, std::uint32_t* place) noexcept {
  for (unsigned i = 0; i < frames.depth; ++i)
    place[i] = place_of(frames.frame[i], address_is::after_call);
}

enum class code { is_there, may_be_gone };

void describe_frame(const void* address, std::uint32_t place, code its, char* text,
                    std::size_t bytes) noexcept {
  if (name_address(address, text, bytes) ||
      describe_place(place, address_is::after_call, text, bytes) != 0)
    return;
  if (its == code::is_there)
    describe_unkept(address, address_is::after_call, text, bytes);
  else
    base::writer(text, bytes).add("%p", address);
}

std::size_t describe_frames(const stack& frames, const std::uint32_t* place, code its, char* text,
                            std::size_t bytes) noexcept {
  constexpr std::size_t most_bytes = 512;  // of which a sanitizer needs more than we do
  base::writer out(text, bytes);
  if (!sanitized_by(sanitizer_address)) name_places(place, frames.depth);
  for (unsigned i = 0; i < frames.depth; ++i) {
    char name[most_bytes];
    describe_frame(frames.frame[i], place[i], its, name, sizeof name);
    out.add("\n    #%u %s", i, name);
  }
  return out.written();
}

}  // namespace

std::size_t describe_address(const void* address, char* text, std::size_t bytes) noexcept {
  return describe(address, address_is::after_call, text, bytes);
}

std::size_t describe_function(const void* address, char* text, std::size_t bytes) noexcept {
  return describe(address, address_is::start, text, bytes);
}

std::size_t describe_stack(const stack& frames, char* text, std::size_t bytes) noexcept {
  std::uint32_t place[stack_depth];
  find_places(frames, place);
  return describe_frames(frames, place, code::is_there, text, bytes);
}

std::uint32_t stack_id(const stack& frames) noexcept {
  if (frames.depth == 0) return 0;
  unseen ours;
  entry fresh = {hash_of(frames), 0, frames, {}};
  {
    kept_guard guard;
    if (!guard) return 0;
    if (const std::uint32_t id = find(frames, fresh.hash)) return id;
    if (entries.full()) return 0;
  }
  find_places(frames, fresh.place);
  kept_guard guard;
  return guard ? insert(fresh) : 0;
}

namespace {

bool look_up(std::uint32_t id, entry* out) noexcept {
  kept_guard guard;
  if (!guard || id == 0 || id > entries.count()) return false;
  *out = entries[id];
  return true;
}

}  // namespace

std::size_t describe_stack_id(std::uint32_t id, char* text, std::size_t bytes) noexcept {
  unseen ours;
  entry known;
  base::writer nothing(text, bytes);
  if (!look_up(id, &known)) return 0;
  return describe_frames(known.frames, known.place, code::may_be_gone, text, bytes);
}

std::size_t describe_calls(std::uint32_t id, unsigned most, char* text,
                           std::size_t bytes) noexcept {
  unseen ours;
  entry known;
  base::writer out(text, bytes);
  if (!look_up(id, &known)) return 0;
  if (!sanitized_by(sanitizer_address)) name_places(known.place, known.frames.depth);
  for (unsigned i = 0; i < known.frames.depth && i < most; ++i) {
    if (i != 0) out.add(" < ");
    out.add_from([&](char* rest, std::size_t room) {
      describe_frame(known.frames.frame[i], known.place[i], code::may_be_gone, rest, room);
    });
  }
  return out.written();
}

void forget_stack_names(const void* inside) noexcept {
  name_places_around(inside);
  gs_fetch_add_relaxed(&forgotten, std::uint64_t{1});
}

}  // namespace graceslab::os
