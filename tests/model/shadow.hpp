// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A shadow in the explorer for each word that the code under test touches atomically, and what the
// compiler may do.
//
// Plain memory follows the newest value, so plain accesses next to atomic ones (sheaf->count, under
// protection) work; they are not checked for races: models put an rl::var where the protected data
// would be.
//
// Later first    relacy runs each thread in program order. The compiler need not: a store may come
// after the loads that
//                follow it, unless a fence stands between. So a store may wait in a queue of its
//                thread until the next fence or read-modify-write or, at the latest, until a few
//                loads have passed it. The queue is *not* emptied by another thread's heavy fence:
//                that one sees the instructions in the order in which they were compiled.
#pragma once
#include "weaken.hpp"

namespace model {

inline constexpr unsigned threads_max = 4;

// ---- what depends on the number of threads of the model, set by model::suite ----
struct hooks {
  unsigned (*initial)(rl::atomic_data*);
  void (*end_release_sequence)(rl::atomic_data*);
  void (*fence_of)(unsigned thread);
  void (*park)(rl::atomic_data*, rl::debug_info_param);
  unsigned (*unpark)(rl::atomic_data*, int, rl::debug_info_param);
  unsigned threads;
};
inline hooks now;

// ---- thread-local variables of the code under test: all model threads share one system thread
// ----
struct local_block {
  char* at;
  std::size_t bytes;
};
inline local_block local_blocks[8];
inline unsigned local_block_count;
struct image {
  char bytes[1024];
};
inline image fresh_image, images[threads_max];

inline void copy_locals(image& i, bool out) {
  char* p = i.bytes;
  for (unsigned b = 0; b != local_block_count; p += local_blocks[b].bytes, ++b)
    out ? std::memcpy(p, local_blocks[b].at, local_blocks[b].bytes)
        : std::memcpy(local_blocks[b].at, p, local_blocks[b].bytes);
}
// Call before the exploration, with the variable as a new thread finds it.
template <class T>
void is_thread_local(T& variable) {
  local_blocks[local_block_count++] = {reinterpret_cast<char*>(&variable), sizeof variable};
  copy_locals(fresh_image, true);
}

inline unsigned self() { return static_cast<unsigned>(rl::ctx().threadx_->index_); }

// Around everything that may switch to another thread.
class switching {
 public:
  switching() : thread_(self()) { copy_locals(images[thread_], true); }
  ~switching() { copy_locals(images[thread_], false); }

 private:
  unsigned thread_;
};

// ---- shadows ----
using word = std::uint64_t;
using atomic_word = rl::generic_atomic<word, false>;

struct shadow {
  const void* address;
  void (*write)(void* to, word value);
  atomic_word* atomic;
  alignas(atomic_word) char place[sizeof(atomic_word)];

  void set_plain(word value) const { write(const_cast<void*>(address), value); }
};
inline constexpr unsigned shadows_max = 256;
inline shadow shadows[shadows_max];
inline unsigned shadow_count;
inline bool exploring;

// Words that no thread of the model changes are not worth exploring.
struct range {
  const void *from, *to;
};
inline range plain[4];
inline unsigned plain_count;
inline void leave_plain(const void* from, const void* to) { plain[plain_count++] = {from, to}; }
inline bool is_plain(const void* p) {
  for (unsigned i = 0; i != plain_count; ++i)
    if (p >= plain[i].from && p < plain[i].to) return true;
  return !exploring;
}

template <class T>
word to_word(T value) {
  word w = 0;
  std::memcpy(&w, &value, sizeof value);
  return w;
}
template <class T>
T from_word(word w) {
  T value;
  std::memcpy(&value, &w, sizeof value);
  return value;
}

template <class T>
using value_of = std::remove_const_t<T>;

// As if it had been written before any thread began.
inline void set_initial(atomic_word& a, word value) {
  unsigned at = now.initial(a.impl_);
  a.history_[at] = a.value_ = value;
  a.last_index_ = at;
  a.initialized_ = true;
}

template <class T>
shadow& shadow_of(T* p) {
  for (unsigned i = 0; i != shadow_count; ++i)
    if (shadows[i].address == p) return shadows[i];
  if (shadow_count == shadows_max) std::abort();
  shadow& s = shadows[shadow_count++];
  s.address = p;
  s.write = [](void* to, word value) { std::memcpy(to, &value, sizeof(T)); };
  s.atomic = ::new (s.place) atomic_word;
  set_initial(*s.atomic, to_word<value_of<T>>(*p));
  return s;
}

inline void forget_shadows(bool destroy) {
  for (unsigned i = 0; destroy && i != shadow_count; ++i) shadows[i].atomic->~atomic_word();
  shadow_count = 0;
}

// ---- stores that come later ----
struct later {
  struct {
    shadow* to;
    word value;
    rl::memory_order order;
    rl::debug_info at;
  } store[8];
  unsigned count;
  unsigned passed;  // loads
};
inline later queues[threads_max];

inline void perform(shadow& s, word value, rl::memory_order order, rl::debug_info_param at) {
  switching guard;
  s.atomic->store(value, order, at);
  s.set_plain(value);
  if (order == rl::mo_relaxed) now.end_release_sequence(s.atomic->impl_);
}

inline void perform_all() {
  later& q = queues[self()];
  for (unsigned i = 0; i != q.count; ++i)
    perform(*q.store[i].to, q.store[i].value, q.store[i].order, q.store[i].at);
  q.count = q.passed = 0;
}

inline void put_off(shadow& s, word value, rl::memory_order order, rl::debug_info_param at) {
  later& q = queues[self()];
  q.store[q.count++] = {&s, value, order, at};
  s.set_plain(value);  // this thread's own plain accesses see it
}

// ---- the operations ----
template <class T>
value_of<T> load(T* p, rl::memory_order order, rl::debug_info_param at) {
  if (is_plain(p)) return *p;
  shadow& s = shadow_of(p);
  later& q = queues[self()];
  for (unsigned i = q.count; i-- > 0;)
    if (q.store[i].to == &s) return from_word<value_of<T>>(q.store[i].value);
  order = order_of(op::load, order, at);
  if (order == rl::mo_seq_cst) perform_all();
  word w;
  {
    switching guard;
    w = s.atomic->load(order, at);
  }
  if (q.count != 0 && (++q.passed == 3 || rl::ctx().rand(2, rl::sched_type_user) == 0))
    perform_all();
  return from_word<value_of<T>>(w);
}

template <class T, class V>
void store(T* p, V v, rl::memory_order order, rl::debug_info_param at) {
  T value = v;
  if (is_plain(p)) {
    *p = value;
    return;
  }
  shadow& s = shadow_of(p);
  later& q = queues[self()];
  order = order_of(op::store, order, at);
  if (order == rl::mo_seq_cst || q.count == 8) perform_all();
  if (order != rl::mo_seq_cst && (q.count != 0 || rl::ctx().rand(2, rl::sched_type_user) == 0))
    put_off(s, to_word(value), order, at);
  else
    perform(s, to_word(value), order, at);
}

template <class T, class F>
T modify(T* p, F change, op what, rl::memory_order order, rl::debug_info_param at) {
  if (is_plain(p)) {
    T old = *p;
    *p = change(old);
    return old;
  }
  perform_all();
  shadow& s = shadow_of(p);
  if (weak(what, how::split, at)) {
    T old = load(p, order == rl::mo_seq_cst ? rl::mo_seq_cst : rl::mo_relaxed, at);
    perform(s, to_word<T>(change(old)), order == rl::mo_seq_cst ? rl::mo_seq_cst : rl::mo_relaxed,
            at);
    return old;
  }
  order = order_of(what, order, at);
  switching guard;
  rl::ctx().sched();
  rl::preemption_disabler nobody_comes_between(rl::ctx());
  word seen = s.atomic->value_;
  T old = from_word<T>(seen);
  s.atomic->compare_exchange_strong(seen, to_word<T>(change(old)), order, at, order, at);
  s.set_plain(s.atomic->value_);
  return old;
}

template <class T, class V>
T exchange(T* p, V v, rl::memory_order order, rl::debug_info_param at) {
  return modify(
      p, [&](T) { return T(v); }, op::exchange, order, at);
}
template <class T, class V>
T add(T* p, V v, rl::memory_order order, rl::debug_info_param at) {
  return modify(
      p, [&](T old) { return T(old + T(v)); }, op::add, order, at);
}
template <class T, class V>
T fetch_or(T* p, V v, rl::memory_order order, rl::debug_info_param at) {
  return modify(
      p, [&](T old) { return T(old | T(v)); }, op::add, order, at);
}

template <class T, class V>
bool compare_exchange(T* p, T* expected, V v, rl::memory_order order, rl::debug_info_param at) {
  if (is_plain(p)) {
    if (*p != *expected) return *expected = *p, false;
    *p = v;
    return true;
  }
  perform_all();
  shadow& s = shadow_of(p);
  if (weak(op::compare_exchange, how::split, at)) {
    T old = load(p, rl::mo_seq_cst, at);
    if (old != *expected) return *expected = old, false;
    perform(s, to_word(T(v)), rl::mo_seq_cst, at);
    return true;
  }
  order = order_of(op::compare_exchange, order, at);
  switching guard;
  word seen = to_word(*expected);
  bool swapped = s.atomic->compare_exchange_strong(seen, to_word(T(v)), order, at);
  *expected = swapped ? *expected : from_word<T>(seen);
  s.set_plain(s.atomic->value_);
  return swapped;
}

inline void light_fence(rl::debug_info_param at) {
  if (exploring && !weak(op::light_fence, how::drop, at)) perform_all();
}

inline void full_fence(rl::debug_info_param at) {
  if (!exploring || weak(op::full_fence, how::drop, at)) return;
  perform_all();
  switching guard;
  rl::atomic_thread_fence(rl::mo_seq_cst, at);
}

inline void pause(rl::debug_info_param at) {
  if (!exploring) return;
  perform_all();
  switching guard;
  rl::yield(1, at);
}

}  // namespace model
