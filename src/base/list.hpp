// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A doubly linked list through the elements: no memory, zero is empty, constant-initialised.
//
// - State:
//   - list: first and last;
//   - list_link: both neighbours and whether it is in a list; one base class per list that an
//     element can be in at the same time (told apart by Tag).
// - Equations: first == nullptr <=> last == nullptr; x.next->prev == x; first->prev == last->next
//   == nullptr.
// - Locking: none: whoever owns the list guards it.
#pragma once
#include <cstddef>

namespace graceslab::base {

template <class T, class Tag = void>
struct list_link {
  T* next = nullptr;
  T* prev = nullptr;
  bool linked = false;
};

template <class T, class Tag = void>
class list {
 public:
  bool empty() const noexcept { return first_ == nullptr; }
  T* front() const noexcept { return first_; }
  T* back() const noexcept { return last_; }
  static T* next(T* element) noexcept { return link(element).next; }
  static bool linked(T* element) noexcept { return link(element).linked; }

  void push_back(T* element) noexcept { insert(element, last_, nullptr); }
  void push_front(T* element) noexcept { insert(element, nullptr, first_); }

  void remove(T* element) noexcept {
    list_link<T, Tag>& gone = link(element);
    (gone.prev ? link(gone.prev).next : first_) = gone.next;
    (gone.next ? link(gone.next).prev : last_) = gone.prev;
    gone = {};
  }

  T* pop_front() noexcept {
    T* element = first_;
    if (element) remove(element);
    return element;
  }

  // Appends all of `other`, which is empty afterwards.
  void splice_back(list& other) noexcept {
    if (other.empty()) return;
    (last_ ? link(last_).next : first_) = other.first_;
    link(other.first_).prev = last_;
    last_ = other.last_;
    other.first_ = other.last_ = nullptr;
  }

  std::size_t count() const noexcept {
    std::size_t n = 0;
    for (T* element = first_; element; element = next(element)) ++n;
    return n;
  }

 private:
  static list_link<T, Tag>& link(T* element) noexcept { return *element; }

  void insert(T* element, T* before, T* after) noexcept {
    list_link<T, Tag>& fresh = link(element);
    fresh.prev = before;
    fresh.next = after;
    fresh.linked = true;
    (before ? link(before).next : first_) = element;
    (after ? link(after).prev : last_) = element;
  }

  T* first_ = nullptr;
  T* last_ = nullptr;
};

}  // namespace graceslab::base
