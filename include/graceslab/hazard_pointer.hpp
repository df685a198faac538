// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Hazard pointers: one object each is kept, however long, and nothing else is held back. Names are
// C++26's.
#pragma once
#include <atomic>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "detail/hazard.h"
#include "error.hpp"
#include "rcu.hpp"

namespace graceslab {

template <class T, class D>
class hazard_pointer_obj_base;

namespace detail {

// Found for a type that has exactly one base of the kind.
template <class T, class D>
hazard_pointer_obj_base<T, D>* hazard_base_of(hazard_pointer_obj_base<T, D>* object) noexcept;
template <class T, class D>
T* hazard_object_of(hazard_pointer_obj_base<T, D>* object) noexcept;
template <class T, class D>
constexpr const void* hazard_address(const hazard_pointer_obj_base<T, D>* object) noexcept {
  return object;
}

// [saferecl.hp.general]: T has hazard_pointer_obj_base<T, D> for some D as a public base that is
// not virtual, and no other hazard_pointer_obj_base.
template <class T>
concept hazard_protectable = requires(T* object) {
  { hazard_object_of(object) } -> std::same_as<T*>;
  static_cast<T*>(hazard_base_of(object));
};

}  // namespace detail

/// Base of objects that hazard pointers protect: object->retire() runs the deleter once none does.
/// - Waits for: nothing. Now and then it runs deleters of what was retired earlier, also others';
///   inside a read-side section, a callback or a deleter it leaves them to the workers. So hold no
///   lock that a deleter takes.
/// - Does not: wait for read-side sections; rcu_barrier() does not wait for it
///   (hazard_pointer_barrier() does).
/// - Errors: never fails, needs no memory. Retiring twice is reported and dropped.
/// - Source: [saferecl.hp.base].
template <class T, class D = std::default_delete<T>>
class hazard_pointer_obj_base {
 public:
  [[gnu::visibility("hidden")]] void retire(D d = D()) noexcept {
    static_assert(detail::hazard_protectable<T>,
                  "T needs hazard_pointer_obj_base<T, D> as a public, non-virtual base, and no "
                  "other one");
    // Of an object that is retired already the deleter is not touched.
    if (gs_hazard_claim(&head_) == 0) return;
    deleter_ = std::move(d);
    gs_hazard_retire_claimed(&head_, &hazard_pointer_obj_base::run,
                             detail::runs_in(static_cast<T*>(this), deleter_));
  }

 protected:
  hazard_pointer_obj_base() = default;
  hazard_pointer_obj_base(const hazard_pointer_obj_base&) = default;
  hazard_pointer_obj_base(hazard_pointer_obj_base&&) = default;
  hazard_pointer_obj_base& operator=(const hazard_pointer_obj_base&) = default;
  hazard_pointer_obj_base& operator=(hazard_pointer_obj_base&&) = default;
  ~hazard_pointer_obj_base() = default;

 private:
  [[gnu::visibility("hidden")]] static void run(rcu_head* head) {
    auto* base = reinterpret_cast<hazard_pointer_obj_base*>(head);
    if constexpr (std::is_nothrow_move_constructible_v<D>) {
      D deleter = std::move(base->deleter_);  // it outlives the object
      deleter(static_cast<T*>(base));
    } else {
      base->deleter_(static_cast<T*>(base));
    }
  }
  gs_hazard_head head_ = {};  // first: run() relies on it
  [[no_unique_address]] D deleter_ = D();
};

/// Protects one object at a time, or is empty. Moves, also to another thread; used by one thread at
/// a time. Not empty: only what make_hazard_pointer() gave. Source: [saferecl.hp.holder].
class hazard_pointer {
 public:
  hazard_pointer() noexcept = default;
  hazard_pointer(hazard_pointer&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  hazard_pointer& operator=(hazard_pointer&& other) noexcept {
    hazard_pointer(std::move(other)).swap(*this);
    return *this;
  }
  /// Ends the protection. Any thread.
  ~hazard_pointer() {
    if (slot_ != nullptr) gs_hazard_give(slot_);
  }

  [[nodiscard]] bool empty() const noexcept { return slot_ == nullptr; }

  /// What `src` points at, protected until this object protects something else or ends. Never
  /// blocks; looks again for as long as `src` changes under its hands.
  template <class T>
  T* protect(const std::atomic<T*>& src) noexcept {
    T* ptr = src.load(std::memory_order_relaxed);
    while (!try_protect(ptr, src)) {
    }
    return ptr;
  }
  /// True: `src` still pointed at `ptr`, which is protected. False: `ptr` is what it points at now,
  /// and nothing is protected.
  template <class T>
  bool try_protect(T*& ptr, const std::atomic<T*>& src) noexcept {
    static_assert(detail::hazard_protectable<T>, "T is no type that hazard pointers protect");
    T* old = ptr;
    gs_hazard_announce(slot_, detail::hazard_address(old));
    ptr = src.load(std::memory_order_acquire);
    if (GS_LIKELY(old == ptr)) return true;
    reset_protection();
    return false;
  }
  /// Protects what is protected already, by another hazard pointer for one, or not yet retired.
  template <class T>
  void reset_protection(const T* ptr) noexcept {
    static_assert(detail::hazard_protectable<T>, "T is no type that hazard pointers protect");
    if (ptr == nullptr)
      gs_hazard_clear(slot_);
    else
      gs_hazard_copy(slot_, detail::hazard_address(ptr));
  }
  /// Protects nothing from now on.
  void reset_protection(std::nullptr_t = nullptr) noexcept { gs_hazard_clear(slot_); }
  void swap(hazard_pointer& other) noexcept { std::swap(slot_, other.slot_); }

 private:
  friend hazard_pointer make_hazard_pointer();
  explicit hazard_pointer(gs_hazard_slot* slot) noexcept : slot_(slot) {}
  gs_hazard_slot* slot_ = nullptr;
};

/// A hazard pointer that protects nothing yet. Threads keep those that ended: making one costs a
/// few instructions. Never blocks. Throws std::bad_alloc when memory runs out. Source:
/// [saferecl.hp.holder.nonmem].
[[nodiscard]] inline hazard_pointer make_hazard_pointer() {
  gs_hazard_slot* slot = gs_hazard_take();
  if (slot == nullptr) detail::fail<std::bad_alloc>("no memory for a hazard pointer");
  return hazard_pointer(slot);
}

inline void swap(hazard_pointer& a, hazard_pointer& b) noexcept { a.swap(b); }

/// Waits until everything that was retired before the call, and that no hazard pointer protects,
/// has been given to its deleter, and the deleters have returned. Does not wait for what is
/// protected, nor for read-side sections or rcu_retire(). In a callback or a deleter: reported,
/// waits for the others. Blocks: as long as the deleters run.
inline void hazard_pointer_barrier() noexcept { gs_hazard_barrier(); }

}  // namespace graceslab
