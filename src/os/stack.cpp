// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Taking and naming call stacks.
#include "os/stack.hpp"

#include <execinfo.h>
#include <graceslab/detail/atomic.h>
#include <link.h>

#include <cstring>

#include "base/format.hpp"
#include "base/hash.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/local_symbol.hpp"
#include "os/pages.hpp"
#include "os/sanitizer.hpp"
#include "os/scratch.hpp"
#include "os/symbol.hpp"
#include "os/word_lock.hpp"

// Of the unwinder, which the C library loads when it is needed: not there in every program.
struct fde_bases {
  void* text;
  void* data;
  void* function;
};
extern "C" [[gnu::weak]] const void* _Unwind_Find_FDE(void* pc, fde_bases* bases) noexcept;

namespace graceslab::os {
namespace {

// The depot: entries in blocks that are never freed, found by hash. Ids count from 1.
struct entry {
  std::uint64_t hash;
  std::uint32_t next;  // id of the next entry of the bucket
  std::uint32_t text_bytes;
  stack frames;
  const char* text;
};
constexpr std::uint32_t block_entries = 256;
constexpr std::uint32_t entries_max = 65536;
constexpr std::uint32_t buckets = 16384;
constexpr std::size_t text_chunk_bytes = std::size_t{256} << 10;

word_lock depot_lock;  // guards all below but forgotten
std::uint32_t* bucket;
entry* block[entries_max / block_entries];
std::uint32_t entries;
char* text_free;
std::size_t text_left;
std::uint64_t forgotten;

entry& at(std::uint32_t id) noexcept {
  return block[(id - 1) / block_entries][(id - 1) % block_entries];
}

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
  if (!bucket) return 0;
  for (std::uint32_t id = bucket[hash % buckets]; id; id = at(id).next)
    if (at(id).hash == hash && same(at(id).frames, frames)) return id;
  return 0;
}

char* keep_text(const char* text, std::size_t bytes) noexcept {
  if (bytes + 1 > text_left) {
    auto* chunk = static_cast<char*>(map(text_chunk_bytes, GS_FAULT_META));
    if (!chunk) return nullptr;
    text_free = chunk;
    text_left = text_chunk_bytes;
  }
  char* kept = text_free;
  std::memcpy(kept, text, bytes);
  kept[bytes] = '\0';
  text_free += bytes + 1;
  text_left -= bytes + 1;
  return kept;
}

std::uint32_t insert(const stack& frames, std::uint64_t hash, const char* text,
                     std::size_t bytes) noexcept {
  if (entries == entries_max) return 0;
  if (!bucket) bucket = static_cast<std::uint32_t*>(map(buckets * sizeof *bucket, GS_FAULT_META));
  entry*& home = block[entries / block_entries];
  if (!home) home = static_cast<entry*>(map(block_entries * sizeof(entry), GS_FAULT_META));
  if (!bucket || !home) return 0;
  const char* kept = keep_text(text, bytes);
  if (!kept) return 0;
  const std::uint32_t id = ++entries;
  at(id) = {hash, bucket[hash % buckets], static_cast<std::uint32_t>(bytes), frames, kept};
  bucket[hash % buckets] = id;
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
  on_fork({fork_rank_stacks, [] { depot_lock.lock(); }, [] { depot_lock.unlock(); },
           [] { depot_lock.reset_in_child(); }});
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

namespace {

std::size_t describe(const void* address, bool local_too, char* text, std::size_t bytes) noexcept {
  keep_errno keep;
  base::writer out(text, bytes);
  const link_map* object = object_of(address);
  if (!object) {
    out.add("%p", address);
    return out.written();
  }
  const auto offset_from = [address](const void* start) {
    return static_cast<const char*>(address) - static_cast<const char*>(start);
  };
  const char* path = path_of(object);
  const char* slash = std::strrchr(path, '/');
  const char* module = slash ? slash + 1 : path;
  const std::ptrdiff_t offset = offset_from(reinterpret_cast<const void*>(object->l_addr));
  symbol found = symbol_at(object, address);
  char local[160];
  if (local_too && !found.name) {
    found.start = local_symbol(object, address, local, sizeof local);
    if (found.start) found.name = local;
  }
  if (found.name)
    out.add("%s+0x%tx (%s+0x%tx)", found.name, offset_from(found.start), module, offset);
  else
    out.add("%s+0x%tx", module, offset);
  return out.written();
}

}  // namespace

std::size_t describe_address(const void* address, char* text, std::size_t bytes) noexcept {
  return describe(address, false, text, bytes);
}

std::size_t describe_function(const void* address, char* text, std::size_t bytes) noexcept {
  return describe(address, true, text, bytes);
}

namespace {

enum class names { ours, best };  // best: also those that take a while

std::size_t describe_frames(const stack& frames, names how, char* text,
                            std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  for (unsigned i = 0; i < frames.depth; ++i) {
    char name[512];
    if (how == names::ours || !name_address(frames.frame[i], name, sizeof name))
      describe_address(frames.frame[i], name, sizeof name);
    out.add("\n    #%u %s", i, name);
  }
  return out.written();
}

}  // namespace

std::size_t describe_stack(const stack& frames, char* text, std::size_t bytes) noexcept {
  return describe_frames(frames, names::best, text, bytes);
}

std::uint32_t stack_id(const stack& frames) noexcept {
  if (frames.depth == 0) return 0;
  unseen ours;
  const std::uint64_t hash = hash_of(frames);
  {
    word_guard guard(depot_lock);
    if (const std::uint32_t id = find(frames, hash)) return id;
    if (entries == entries_max) return 0;
  }
  // Named outside the lock: it takes a while.
  scratch room;
  const std::size_t length = describe_frames(frames, names::ours, room.text(), room.bytes());
  word_guard guard(depot_lock);
  if (const std::uint32_t id = find(frames, hash)) return id;
  return insert(frames, hash, room.text(), length);
}

std::size_t describe_stack_id(std::uint32_t id, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  stack frames;
  {
    word_guard guard(depot_lock);
    if (id == 0 || id > entries) return 0;
    frames = at(id).frames;
    if (!sanitized_by(sanitizer_address)) out.add("%s", at(id).text);
  }
  if (sanitized_by(sanitizer_address)) return describe_stack(frames, text, bytes);
  return out.written();
}

void forget_stack_names() noexcept { gs_fetch_add_relaxed(&forgotten, std::uint64_t{1}); }

}  // namespace graceslab::os
