// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Blocks of one size class lie together in chunks, and a chunk whose blocks are all free gives its
// pages back and serves any class. Its address space stays: whoever looks through a stale pointer
// finds zeros there, as the checks for misuse do.
//
// - Invariants:
//   - M1 a chunk is in the list of its class <=> it has room and holds a block.
//   - M2 the other chunks that hold none are spare (with pages) or clean (without).
#include "slab/meta.hpp"

#include "os/fault.hpp"
#include "os/pages.hpp"
#include "sync/mutex.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t region_bytes = std::size_t{256} << 10;  // mapped at a time, and aligned so
constexpr std::size_t chunk_bytes = std::size_t{64} << 10;
constexpr std::size_t region_chunks = region_bytes / chunk_bytes;
constexpr std::size_t largest = 7 * chunk_bytes / 8;  // beyond: pages of their own
constexpr unsigned classes = 96;
constexpr unsigned spare_most = 4;

struct free_block {
  free_block* next;
};

// At the start of its region, not of the chunk: a clean one keeps no page for it.
struct alignas(GS_CACHE_LINE) chunk {
  chunk* next = nullptr;
  chunk* previous = nullptr;
  free_block* free = nullptr;
  std::uint32_t begin = 0;  // of its blocks, in bytes from its start: the headers lie in the first
  std::uint32_t fresh = 0;  // blocks from here on were never given out
  std::uint32_t live = 0;
};

struct chunk_list {
  chunk* head = nullptr;
  unsigned count = 0;
};

constinit sync::mutex meta_lock{sync::rank::meta};
chunk_list with_room[classes];
chunk_list spare, clean;

void add(chunk_list& l, chunk& c) noexcept {
  c.previous = nullptr;
  c.next = l.head;
  if (l.head != nullptr) l.head->previous = &c;
  l.head = &c;
  ++l.count;
}

void remove(chunk_list& l, chunk& c) noexcept {
  (c.previous != nullptr ? c.previous->next : l.head) = c.next;
  if (c.next != nullptr) c.next->previous = c.previous;
  --l.count;
}

char* region_of(const void* inside) noexcept {
  auto address = reinterpret_cast<std::uintptr_t>(inside);
  return reinterpret_cast<char*>(address & ~(region_bytes - 1));
}
char* start_of(chunk& c) noexcept {
  char* region = region_of(&c);
  return region + static_cast<std::size_t>(&c - reinterpret_cast<chunk*>(region)) * chunk_bytes;
}
chunk& chunk_of(void* block) noexcept {
  char* region = region_of(block);
  auto offset = static_cast<std::size_t>(static_cast<char*>(block) - region);
  return reinterpret_cast<chunk*>(region)[offset / chunk_bytes];
}

struct size_class {
  unsigned index;
  std::size_t bytes;
};

// Eight steps per doubling from 128 bytes up, sixteen-byte steps below: at most an eighth is lost.
size_class class_of(std::size_t bytes) noexcept {
  if (bytes <= 128) {
    std::size_t steps = (bytes + 15) / 16;
    if (steps == 0) steps = 1;
    if (bytes >= 64) steps = (steps + 3) / 4 * 4;
    return {static_cast<unsigned>(steps), steps * 16};
  }
  unsigned log = 63u - static_cast<unsigned>(__builtin_clzll(bytes - 1));  // 7 for 129 .. 256
  std::size_t step = (std::size_t{1} << log) / 8;
  if (step < 64) step = 64;
  std::size_t rounded = (bytes + step - 1) / step * step;
  unsigned eighth = static_cast<unsigned>((rounded - (std::size_t{1} << log) + step - 1) / step);
  return {9 + (log - 7) * 8 + eighth, rounded};
}

bool has_room(const chunk& c, std::size_t bytes) noexcept {
  return c.free != nullptr || c.fresh + bytes <= chunk_bytes;
}

// Without the lock: its headers.
chunk* map_region() noexcept {
  auto* c = static_cast<chunk*>(os::map_aligned(region_bytes, region_bytes));
  for (std::size_t i = 0; c != nullptr && i != region_chunks; ++i) {
    c[i] = chunk{};
    c[i].begin = i == 0 ? sizeof(chunk) * region_chunks : 0;
  }
  return c;
}

void add_region(chunk* c) noexcept {
  for (std::size_t i = region_chunks; i-- != 0;) add(clean, c[i]);
}

chunk* empty_chunk() noexcept {
  if (spare.head == nullptr && clean.head == nullptr) return nullptr;
  chunk_list& from = spare.head != nullptr ? spare : clean;
  chunk* c = from.head;
  remove(from, *c);
  c->free = nullptr;
  c->fresh = c->begin;
  return c;
}

void* take_block(chunk& c, std::size_t bytes) noexcept {
  ++c.live;
  if (free_block* block = c.free; block != nullptr) {
    c.free = block->next;
    return block;
  }
  c.fresh += static_cast<std::uint32_t>(bytes);
  return start_of(c) + c.fresh - bytes;
}

// nullptr: there is none without a new region.
void* take_from_chunks(size_class k) noexcept {
  chunk* c = with_room[k.index].head;
  const bool listed = c != nullptr;
  if (!listed && (c = empty_chunk()) == nullptr) return nullptr;
  void* block = take_block(*c, k.bytes);
  const bool room = has_room(*c, k.bytes);
  if (listed && !room) remove(with_room[k.index], *c);
  if (!listed && room) add(with_room[k.index], *c);
  return block;
}

// The chunk that this left empty and that is to be cleaned, on no list; nullptr: none.
chunk* give_block(void* block, size_class k) noexcept {
  chunk& c = chunk_of(block);
  if (!has_room(c, k.bytes)) add(with_room[k.index], c);
  auto* head = static_cast<free_block*>(block);
  head->next = c.free;
  c.free = head;
  if (--c.live != 0) return nullptr;
  remove(with_room[k.index], c);
  if (spare.count == spare_most) return &c;
  add(spare, c);
  return nullptr;
}

}  // namespace

void* meta_alloc(std::size_t bytes, gs_fault_site site, std::uint32_t cache) noexcept {
  if (os::fault_now(site, cache)) return nullptr;
  if (bytes > largest) return os::map(bytes, site);
  const size_class k = class_of(bytes);
  for (chunk* region = nullptr;;) {
    void* block;
    {
      sync::lock_guard hold(meta_lock);
      block = take_from_chunks(k);
      if (block == nullptr && region != nullptr) {
        add_region(region);
        region = nullptr;
        block = take_from_chunks(k);
      }
    }
    if (region != nullptr) os::unmap(region, region_bytes);  // others have brought enough
    if (block != nullptr) return block;
    if ((region = map_region()) == nullptr) return nullptr;
  }
}

void meta_free(void* block, std::size_t bytes) noexcept {
  if (bytes > largest) return os::unmap(block, bytes);
  const size_class k = class_of(bytes);
  chunk* emptied;
  {
    sync::lock_guard hold(meta_lock);
    emptied = give_block(block, k);
  }
  if (emptied == nullptr) return;
  // Without the lock. A child that is forked meanwhile does without this chunk.
  const std::size_t page = os::page_bytes();
  const std::size_t keep = (emptied->begin + page - 1) / page * page;
  os::discard(start_of(*emptied) + keep, chunk_bytes - keep);
  sync::lock_guard hold(meta_lock);
  add(clean, *emptied);
}

void meta_lock_for_fork() noexcept { meta_lock.lock(); }
void meta_unlock_after_fork(bool child) noexcept {
  child ? meta_lock.reset_in_child() : meta_lock.unlock();
}

}  // namespace graceslab::slab
