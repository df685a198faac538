// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/construct.hpp"

#include "os/busted.hpp"
#include "os/thread.hpp"
#include "slab/birth.hpp"
#include "slab/debug.hpp"
#include "slab/hooks.hpp"
#include "slab/meta.hpp"
#include "slab/transit.hpp"
#include "sync/registry.hpp"

namespace graceslab::slab {

namespace {

void** objects_of(birth& b) noexcept { return reinterpret_cast<void**>(&b + 1); }

[[gnu::tls_model("initial-exec")]] __thread birth* innermost;  // this thread's

std::size_t birth_bytes(std::uint32_t capacity) noexcept {
  return sizeof(birth) + capacity * sizeof(void*);
}

birth* birth_new(cache& c) noexcept {
  const std::uint32_t capacity = c.sheaf_capacity != 0 ? c.sheaf_capacity : 1;
  auto* b = static_cast<birth*>(meta_alloc(birth_bytes(capacity), GS_FAULT_META, c.id));
  if (b != nullptr) *b = {nullptr, nullptr, &c, nullptr, capacity, 0, 0, 0, 0, {}};
  return b;
}

void birth_delete(birth* b) noexcept { meta_free(b, birth_bytes(b->capacity)); }

// Under slabs_lock, as all up to the next blank line.
birth* left_behind(const cache& c) noexcept {
  birth* b = c.births;
  while (b != nullptr && b->runner != nullptr) b = b->next;
  return b;
}
void unlink(cache& c, birth& b) noexcept {
  birth** at = &c.births;
  while (*at != &b) at = &(*at)->next;
  *at = b.next;
}
bool fill(cache& c, birth& b, ahead* pages) noexcept {
  b.n = take_unborn(c, objects_of(b), b.capacity, pages);
  if (b.n == 0) return false;
  c.unborn += b.n;
  b.next = c.births;
  c.births = &b;
  return true;
}

// What is to be begun: `spare`, or one that was left behind.
struct beginning {
  birth* spare;
  birth* found = nullptr;
  ahead pages = {};
};
bool find(cache& c, beginning& b) noexcept {
  b.found = left_behind(c);
  if (b.found == nullptr && fill(c, *b.spare, &b.pages)) b.found = b.spare;
  if (b.found == nullptr) return false;
  b.found->runner = &innermost;
  b.found->tid = os::tid();
  b.found->clock = {};
  return true;
}

// Something to run constructors on; nullptr: no memory, or no such open cache.
birth* begin(cache& c, std::uintptr_t handle) noexcept {
  beginning b{birth_new(c)};
  if (b.spare == nullptr) return nullptr;
  bool open;
  os::open_window();
  {
    sync::lock_guard hold(c.slabs_lock);
    open = open_as(c, handle);
    if (open) (void)find(c, b);
  }
  if (open && b.found == nullptr)
    grow(
        c, handle, [](cache& of, void* arg) { return find(of, *static_cast<beginning*>(arg)); },
        &b);
  populate(b.pages);
  if (b.found != b.spare) birth_delete(b.spare);
  return b.found;
}

// From unborn to free, in their slabs. With something of the cache in hand, so that whoever counts
// finds them one or the other.
void bring_home(cache& c, birth& b, std::uint32_t n) noexcept {
  {
    sync::lock_guard hold(c.slabs_lock);
    c.unborn -= n;
  }
  void** const object = objects_of(b);
  return_objects(c, object, n);
  touch(c);
  b.n -= n;
  for (std::uint32_t i = 0; i != b.n; ++i) object[i] = object[n + i];
  gs_store_relaxed(&b.done, 0u);
}

bool wait_for_another(cache& c, birth& b) noexcept {
  sync::lock_guard hold(c.slabs_lock);
  // A close moves the stage, then looks for these under this lock: either sees the other.
  if (stage_of(c) == GS_STAGE_OPEN && b.n != 0) {
    b.runner = nullptr;
    return true;
  }
  unlink(c, b);
  return false;
}

void leave(birth& b) noexcept {
  cache& c = *b.owner;
  {
    transit in_hand(c);
    bring_home(c, b, b.done);
    if (wait_for_another(c, b)) return;
    bring_home(c, b, b.n);
  }
  birth_delete(&b);
  hooks.activate(c);  // perhaps these were the last that its end waited for
}

void leave_innermost() noexcept {
  birth* b = innermost;
  innermost = b->outer;
  leave(*b);
}

extern "C" {
// What the C++ ABI calls a personality: the unwinder asks it at each frame of run() that it takes
// down, for an exception, a cancelled thread or one that exits alike. It does the cleaning up
// itself, so that we need nothing of the language's run-time library.
[[gnu::used, gnu::visibility("hidden")]] int gs_constructor_left(int version, int actions,
                                                                 std::uint64_t, void*, void*) {
  constexpr int this_version = 1, cleanup_phase = 2;
  constexpr int fatal_error = 3, continue_unwind = 8;
  if (version != this_version) return fatal_error;
  if ((actions & cleanup_phase) != 0) leave_innermost();
  return continue_unwind;
}
}

#define FRAME_DIRECTIVE ".cfi_personality 0x1b, gs_constructor_left" /* by a 4-byte offset */

[[gnu::noinline]] void run(birth& b) {
  asm(FRAME_DIRECTIVE);
  cache& c = *b.owner;
  for (; b.done != b.n; gs_store_relaxed(&b.done, b.done + 1)) {
    void* object = objects_of(b)[b.done];
    if (is_debug(c)) debug_construct(c, static_cast<char*>(object));
    c.ctor(object);
    if (is_debug(c)) debug_constructed(c, static_cast<char*>(object));
  }
}

// One for the caller, unless the cache was closed meanwhile.
void* deliver(birth& b) noexcept {
  cache& c = *b.owner;
  void* object = nullptr;
  bool open;
  {
    transit in_hand(c);
    {
      sync::lock_guard hold(c.slabs_lock);
      unlink(c, b);
      c.unborn -= b.n;
    }
    open = still_open(c);
    if (open) object = objects_of(b)[--b.n];
    return_objects(c, objects_of(b), b.n);
    touch(c);
  }
  birth_delete(&b);
  if (!open) hooks.activate(c);
  return object;
}

// Whoever ended his thread without unwinding, or jumped out of a constructor.
[[gnu::constructor]] void register_end() {
  sync::on_thread_end(19, [](sync::thread_record&) {
    while (innermost != nullptr) leave_innermost();
  });
}

}  // namespace

void* construct(cache& c, std::uintptr_t handle) noexcept {
  birth* b = begin(c, handle);
  if (b == nullptr) return nullptr;
  b->outer = innermost;
  innermost = b;
  run(*b);
  innermost = b->outer;
  return deliver(*b);
}

const cache* constructing(bool (*of)(const cache&, const void*), const void* arg) noexcept {
  for (const birth* b = innermost; b != nullptr; b = b->outer)
    if (of(*b->owner, arg)) return b->owner;
  return nullptr;
}

bool constructing(const cache& c) noexcept {
  return constructing([](const cache& one, const void* wanted) { return &one == wanted; }, &c) !=
         nullptr;
}

void drop_left_births(cache& c) noexcept {
  transit in_hand(c);
  for (;;) {
    birth* b;
    {
      sync::lock_guard hold(c.slabs_lock);
      b = left_behind(c);
      if (b == nullptr) return;
      unlink(c, *b);
    }
    bring_home(c, *b, b->n);
    birth_delete(b);
  }
}

void leave_foreign_births(cache& c) noexcept {
  for (birth* b = c.births; b != nullptr;) {
    birth* next = b->next;
    if (b->runner == &innermost)
      b->tid = os::tid();
    else if (b->runner != nullptr)
      leave(*b);
    b = next;
  }
}

}  // namespace graceslab::slab
