// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/meta.hpp"

#include "os/fault.hpp"
#include "os/pages.hpp"
#include "sync/mutex.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{256} << 10;
constexpr std::size_t largest = chunk_bytes / 4;  // beyond: pages of their own
constexpr unsigned classes = 96;

struct free_block {
  free_block* next;
};

constinit sync::mutex meta_lock{sync::rank::meta};
free_block* free_list[classes];
char* fresh;
char* fresh_end;

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

}  // namespace

void* meta_alloc(std::size_t bytes, gs_fault_site site, std::uint32_t cache) noexcept {
  if (os::fault_now(site, cache)) return nullptr;
  if (bytes > largest) return os::map(bytes, site);
  size_class c = class_of(bytes);
  sync::lock_guard hold(meta_lock);
  if (free_block* block = free_list[c.index]; block != nullptr) {
    free_list[c.index] = block->next;
    return block;
  }
  // Smaller blocks may have left the end between two lines.
  std::size_t gap = c.bytes >= 64 ? -reinterpret_cast<std::uintptr_t>(fresh) & 63 : 0;
  if (static_cast<std::size_t>(fresh_end - fresh) >= gap + c.bytes) {
    fresh += gap;
  } else {
    char* chunk = static_cast<char*>(os::map(chunk_bytes, site));
    if (chunk == nullptr) return nullptr;
    fresh = chunk;
    fresh_end = chunk + chunk_bytes;
  }
  void* block = fresh;
  fresh += c.bytes;
  return block;
}

void meta_free(void* block, std::size_t bytes) noexcept {
  if (bytes > largest) {
    os::unmap(block, bytes);
    return;
  }
  size_class c = class_of(bytes);
  sync::lock_guard hold(meta_lock);
  auto* head = static_cast<free_block*>(block);
  head->next = free_list[c.index];
  free_list[c.index] = head;
}

void meta_lock_for_fork() noexcept { meta_lock.lock(); }
void meta_unlock_after_fork(bool child) noexcept {
  child ? meta_lock.reset_in_child() : meta_lock.unlock();
}

}  // namespace graceslab::slab
