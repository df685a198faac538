// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers, grace periods, callbacks and domains. Names are C++26's where the standard has them.
#pragma once
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "detail/owner.h"
#include "error.hpp"
#include "order.hpp"

namespace graceslab {

/// What happens when a domain or cache has more retired bytes in flight than its limit.
enum class pressure {
  expedite = GS_PRESSURE_EXPEDITE,
  block = GS_PRESSURE_BLOCK,
  report = GS_PRESSURE_REPORT
};

/// A universe of readers: a slow reader in one domain never delays another.
class rcu_domain {
 public:
  struct options {
    const char* name = "domain";
    bool barrier_covers_retire = false;  // approach A2: rcu_barrier() waits for retired memory too
    std::uint64_t pending_limit_bytes = 0;  // 0 = none
    graceslab::pressure pressure = graceslab::pressure::expedite;
    std::uint64_t memory_limit_bytes = 0;  // of the slabs of its caches. 0 = any
  };

  /// Creates a domain. Throws std::bad_alloc when memory runs out. Does not block.
  explicit rcu_domain(const options& o) {
    gs_domain_options c = {o.name, o.barrier_covers_retire, o.pending_limit_bytes,
                           static_cast<int>(o.pressure)};
    domain_ = gs_domain_create(&c);
    if (domain_ == nullptr) detail::fail<std::bad_alloc>("no memory for a domain");
    if (o.memory_limit_bytes != 0) gs_domain_limit_memory(domain_, o.memory_limit_bytes);
  }
  /// Ends the domain. With readers, callbacks or caches alive it is reported and leaked, never
  /// freed.
  ~rcu_domain() {
    if (domain_ != nullptr) (void)gs_domain_destroy(domain_);
  }
  rcu_domain(const rcu_domain&) = delete;
  rcu_domain& operator=(const rcu_domain&) = delete;

  /// Enters a read-side section. Waits for nothing, never blocks or fails; nests to 65 535 levels.
  void lock() noexcept {
    if (domain_ == nullptr)
      gs_reader_enter(gs_tls.reader, &gs_default_hot.entry, gs_read_lock_slow);
    else
      gs_domain_read_lock(domain_);
  }
  bool try_lock() noexcept { return lock(), true; }
  /// Leaves the innermost section. Without one: reported, no effect.
  void unlock() noexcept {
    if (domain_ == nullptr)
      gs_reader_leave(gs_tls.reader, gs_read_unlock_slow);
    else
      gs_domain_read_unlock(domain_);
  }

  /// Repeats grace period, callbacks and reclaim until nothing is in flight.
  /// - Waits for: every callback and retire of this domain, also those posted by callbacks
  /// meanwhile.
  /// - Does not: wait for objects that are still allocated, or for later readers.
  /// - Context: not inside a section of the domain or a callback: reported,
  ///   errc::would_deadlock.
  /// - Blocks: yes.
  /// - Returns: errc::busy when `timeout_ms` passed (0 = no limit) or a callback re-armed itself in
  ///   every one of `rounds` rounds (0 = 64); it is named in a report and stored in `rearming`.
  errc drain(unsigned rounds = 0, std::uint64_t timeout_ms = 0,
             void** rearming = nullptr) noexcept {
    return to_errc(gs_domain_drain(domain_, rounds, timeout_ms, rearming));
  }
  /// Drains, then takes no more: a later post outside a section waits a grace period and runs
  /// inline; inside a section or callback it is refused, reported and leaked.
  errc close() noexcept { return to_errc(gs_domain_close(domain_)); }
  /// Memory pressure: expedites a grace period and reclaims what is due. Blocks for one grace
  /// period.
  void reclaim_now() noexcept { gs_domain_reclaim_now(domain_); }

  /// Runs f() once, after a grace period, as a callback: call_rcu() for a functor.
  /// - Waits for: nothing. rcu_barrier(), drain() and unloading the code wait for it.
  /// - Context: any but a signal handler. Blocks: never. It allocates a small node.
  /// - Errors: throws std::bad_alloc, or what copying or moving `f` throws; nothing is posted then.
  ///   What f() throws ends the program.
  template <class F>
  void call(F&& f);

  gs_domain* native_handle() const noexcept { return domain_; }

 private:
  gs_domain* domain_ = nullptr;  // nullptr: the default domain, which is never destroyed
};

/// The domain that everything uses unless told otherwise; usable before main and after static
/// destruction. Hidden, so one object per shared object, all of the same domain: glibc never unmaps
/// an object that has a symbol which is unique in the process. Raw zeroes are that domain; a
/// destructor would need a guard on every call.
[[gnu::visibility("hidden")]] inline rcu_domain& rcu_default_domain() noexcept {
  struct alignas(rcu_domain) zeroes {
    unsigned char bytes[sizeof(rcu_domain)];
  };
  static constinit zeroes instance = {};
  return reinterpret_cast<rcu_domain&>(instance);
}

/// A read-side section for the length of a scope; moved from, it is over for the scope that began
/// it, and ends with the scope that has it then, in the same thread. Never blocks or fails.
class [[nodiscard]] rcu_reader {
 public:
  [[nodiscard]] rcu_reader() noexcept {  // of the default domain, without a look
    gs_reader_enter(gs_tls.reader, &gs_default_hot.entry, gs_read_lock_slow);
  }
  [[nodiscard]] explicit rcu_reader(rcu_domain& domain) noexcept : domain_(&domain) {
    domain.lock();
  }
  ~rcu_reader() { unlock(); }
  rcu_reader(rcu_reader&& from) noexcept
      : domain_(from.domain_), inside_(std::exchange(from.inside_, false)) {}
  rcu_reader& operator=(rcu_reader&& from) noexcept {
    rcu_reader left(std::move(*this));  // ends what was ours
    domain_ = from.domain_;
    inside_ = std::exchange(from.inside_, false);
    return *this;
  }

  /// Ends the section before the scope does. No effect where it is over already.
  void unlock() noexcept {
    if (!std::exchange(inside_, false)) return;
    if (domain_ == nullptr)
      gs_reader_leave(gs_tls.reader, gs_read_unlock_slow);
    else
      domain_->unlock();
  }
  /// Whether the section is this one's to end.
  bool owns_lock() const noexcept { return inside_; }

 private:
  rcu_domain* domain_ = nullptr;  // nullptr: the default one
  bool inside_ = true;
};

/// A section of no thread: it may be moved to another thread, kept in an object, or handed through
/// a queue, and ends where its last holder ends it: asynchronous work that follows pointers between
/// its steps.
/// - Context: any. Blocks: never, but for the moment in which somebody tries to end the domain; it
///   does not fail for want of memory.
/// - Does not: count as a section of the thread that has it. Whatever waits for the domain there
///   waits for itself, and reports name the token alone: a grace period, a barrier, a retire under
///   policy `block`, a post to a closed domain, the end of a cache that waits, exit.
/// - Fork: it stays valid in the child; one that another thread had is never ended there, and holds
///   grace periods back.
/// - Cost: an atomic operation on a line that all tokens of the domain share, each way. A section
///   that ends in its thread is an rcu_reader.
/// - Source: kernel srcu_down_read(), srcu_up_read().
class [[nodiscard]] rcu_token {
 public:
  [[nodiscard]] rcu_token() noexcept : rcu_token(rcu_default_domain()) {}
  [[nodiscard]] explicit rcu_token(rcu_domain& domain) noexcept
      : domain_(domain.native_handle()), token_(gs_domain_down_read(domain_)) {}
  ~rcu_token() { reset(); }
  rcu_token(rcu_token&& from) noexcept
      : domain_(from.domain_), token_(std::exchange(from.token_, none)) {}
  rcu_token& operator=(rcu_token&& from) noexcept {
    rcu_token left(std::move(*this));  // ends what was ours
    domain_ = from.domain_;
    token_ = std::exchange(from.token_, none);
    return *this;
  }

  /// Ends the section. No effect on one that is empty.
  void reset() noexcept {
    if (token_ != none) gs_domain_up_read(domain_, std::exchange(token_, none));
  }
  /// Moved from, ended, or begun in a domain that was destroyed or, in a signal handler, just being
  /// destroyed: nothing is protected.
  bool empty() const noexcept { return token_ == none; }

 private:
  static constexpr int none = -1;
  gs_domain* domain_;
  int token_;
};

/// A pointer that readers follow while updaters replace it. The orders are those of std::atomic;
/// what stands there unless told otherwise is what publishing needs.
template <class T>
class rcu_pointer {
 public:
  constexpr explicit rcu_pointer(T* p = nullptr) noexcept : pointer_(p) {}
  rcu_pointer(const rcu_pointer&) = delete;
  rcu_pointer& operator=(const rcu_pointer&) = delete;

  /// rcu_dereference: sees everything written before the store that published it. Valid until the
  /// section ends.
  GS_INLINE_MEMBER T* load(std::memory_order order = std::memory_order_acquire) const noexcept {
    return gs_load_ordered(&pointer_, detail::order(order));
  }
  /// The value alone, for comparing, never for following.
  T* access() const noexcept { return gs_load_relaxed(&pointer_); }
  /// rcu_assign_pointer: publishes.
  GS_INLINE_MEMBER void store(T* p, std::memory_order order = std::memory_order_release) noexcept {
    gs_store_ordered(&pointer_, p, detail::order(order));
  }
  /// Publishes and gives the old one back, to be retired.
  GS_INLINE_MEMBER T* exchange(T* p, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return gs_exchange_ordered(&pointer_, p, detail::order(order));
  }
  /// Publishes `p` if `expected` still stands there, and then gives that one to the caller, to be
  /// retired; else `expected` becomes what does. False then; the weak form also now and then when
  /// it does stand there.
  GS_INLINE_MEMBER bool compare_exchange_strong(
      T*& expected, T* p, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return compare_exchange_strong(expected, p, order, on_failure(order));
  }
  GS_INLINE_MEMBER bool compare_exchange_strong(T*& expected, T* p, std::memory_order success,
                                                std::memory_order failure) noexcept {
    return gs_compare_exchange_ordered(&pointer_, &expected, p, false, detail::order(success),
                                       detail::order(failure));
  }
  GS_INLINE_MEMBER bool compare_exchange_weak(
      T*& expected, T* p, std::memory_order order = std::memory_order_seq_cst) noexcept {
    return compare_exchange_weak(expected, p, order, on_failure(order));
  }
  GS_INLINE_MEMBER bool compare_exchange_weak(T*& expected, T* p, std::memory_order success,
                                              std::memory_order failure) noexcept {
    return gs_compare_exchange_ordered(&pointer_, &expected, p, true, detail::order(success),
                                       detail::order(failure));
  }

 private:
  // As std::atomic: a failure writes nothing.
  static constexpr std::memory_order on_failure(std::memory_order success) noexcept {
    return success == std::memory_order_acq_rel   ? std::memory_order_acquire
           : success == std::memory_order_release ? std::memory_order_relaxed
                                                  : success;
  }
  T* pointer_;
};

/// Waits until every reader that was inside a section when the call began has left it.
/// Does not wait for callbacks or retired memory. Inside a section of `domain`: reported, waits for
/// all other readers. Blocks: microseconds with no reader, else as long as the slowest. Source:
/// [saferecl.rcu.general], rcu_synchronize.
inline void rcu_synchronize(rcu_domain& domain = rcu_default_domain()) noexcept {
  gs_synchronize(domain.native_handle());
}

/// Waits until every callback (rcu_retire, rcu_obj_base, call_rcu) queued before the call has
/// returned. Does not wait for cache<T>::retire (unless the domain's barrier_covers_retire is set),
/// nor imply a grace period. In a callback: reported, waits for the others. In a section: reported,
/// returns at once.
inline void rcu_barrier(rcu_domain& domain = rcu_default_domain()) noexcept {
  gs_rcu_barrier(domain.native_handle());
}

/// Waits until all memory retired before the call in every cache of the domain has been reclaimed
/// (approach A3).
inline void retire_barrier(rcu_domain& domain = rcu_default_domain()) noexcept {
  gs_retire_barrier(domain.native_handle());
}

/// A polled grace period. "done" stays done and implies full ordering. Only wait() blocks.
class grace_period {
 public:
  /// Names the grace period that covers everything before this call; starts nothing.
  static grace_period current(rcu_domain& domain = rcu_default_domain()) noexcept {
    return {domain.native_handle(), gs_gp_state(domain.native_handle())};
  }
  /// The same, and starts it.
  static grace_period start(rcu_domain& domain = rcu_default_domain()) noexcept {
    return {domain.native_handle(), gs_gp_start_poll(domain.native_handle())};
  }
  bool done() const noexcept { return gs_gp_poll(domain_, cookie_) != 0; }
  void wait() const noexcept { gs_gp_cond_synchronize(domain_, cookie_); }
  std::uint64_t cookie() const noexcept { return cookie_; }

 private:
  grace_period(gs_domain* domain, std::uint64_t cookie) noexcept
      : domain_(domain), cookie_(cookie) {}
  gs_domain* domain_;
  std::uint64_t cookie_;
};

namespace detail {

/// Whose code `d(p)` will run, as far as can be seen beforehand: that of the object which holds the
/// deleter's function or the dynamic type's table of virtual functions (the first word of whatever
/// has one); else the caller's. Hidden: see owner.h.
template <class T, class D>
[[gnu::visibility("hidden")]] inline void* runs_in([[maybe_unused]] T* p,
                                                   [[maybe_unused]] const D& d) noexcept {
  void* code = gs_this_module();
  if constexpr (std::is_pointer_v<D> && std::is_function_v<std::remove_pointer_t<D>>)
    code = reinterpret_cast<void*>(d);
  else if constexpr (std::is_polymorphic_v<T>)
    if (p != nullptr) std::memcpy(&code, static_cast<const void*>(p), sizeof code);
  return code;
}

}  // namespace detail

template <class T, class D>
class rcu_obj_base;

namespace detail {

// Found for a type that has exactly one base of the kind.
template <class T, class D>
rcu_obj_base<T, D>* rcu_base_of(rcu_obj_base<T, D>* object) noexcept;

// [saferecl.rcu.base]: T has rcu_obj_base<T, D> as a public base that is not virtual, and no other
// rcu_obj_base.
template <class T, class D>
concept rcu_protectable_by = requires(T* object, rcu_obj_base<T, D>* base) {
  { rcu_base_of(object) } -> std::same_as<rcu_obj_base<T, D>*>;
  static_cast<T*>(base);
};

}  // namespace detail

/// Base of objects that end by a callback: object->retire() runs the deleter after a grace period.
/// Never blocks, needs no memory. Retiring twice is reported and dropped. Source:
/// [saferecl.rcu.base].
template <class T, class D = std::default_delete<T>>
class rcu_obj_base {
 public:
  [[gnu::visibility("hidden")]] void retire(D d = D(),
                                            rcu_domain& domain = rcu_default_domain()) noexcept {
    static_assert(detail::rcu_protectable_by<T, D>,
                  "T needs rcu_obj_base<T, D> as a public, non-virtual base, and no other one");
    // Of an object that is retired already the deleter is not touched.
    if (gs_rcu_claim(domain.native_handle(), &head_) == 0) return;
    deleter_ = std::move(d);
    gs_call_rcu_claimed(domain.native_handle(), &head_, &rcu_obj_base::run,
                        detail::runs_in(static_cast<T*>(this), deleter_));
  }

 protected:
  rcu_obj_base() = default;
  // A copy is an object of its own: the mark that a head carries while it is queued holds only at
  // its own address.
  rcu_obj_base(const rcu_obj_base&) = default;
  rcu_obj_base(rcu_obj_base&&) = default;
  rcu_obj_base& operator=(const rcu_obj_base&) = default;
  rcu_obj_base& operator=(rcu_obj_base&&) = default;
  ~rcu_obj_base() = default;

 private:
  [[gnu::visibility("hidden")]] static void run(rcu_head* head) {
    auto* base = reinterpret_cast<rcu_obj_base*>(head);
    if constexpr (std::is_nothrow_move_constructible_v<D>) {
      D deleter = std::move(base->deleter_);  // it outlives the object
      deleter(static_cast<T*>(base));
    } else {
      base->deleter_(static_cast<T*>(base));
    }
  }
  rcu_head head_ = {};  // first: run() relies on it
  [[no_unique_address]] D deleter_ = D();
};

namespace detail {

/// What to ask kmalloc for: it aligns to 16, and powers of two to themselves.
constexpr std::size_t kmalloc_bytes(std::size_t bytes, std::size_t align) noexcept {
  return align <= 16 ? bytes : std::bit_ceil(bytes > align ? bytes : align);
}

/// A functor on its way through a callback queue.
template <class F>
struct posted {
  rcu_head head;
  [[no_unique_address]] F function;

  [[gnu::visibility("hidden")]] static void run(rcu_head* head) {
    auto* self = reinterpret_cast<posted*>(head);
    self->function();
    self->~posted();
    gs_kfree(self);
  }
};
/// F{parts...} into a node of its own, which queue(head, function) takes.
template <class F, class Queue, class... Parts>
[[gnu::visibility("hidden")]] void post(const char* what, Queue queue, Parts&&... parts) {
  using node = posted<F>;
  struct guard {
    void* memory;
    ~guard() { gs_kfree(memory); }
  } undo{gs_kmalloc(kmalloc_bytes(sizeof(node), alignof(node)), 0)};
  if (undo.memory == nullptr) fail<std::bad_alloc>(what);
  node* n = ::new (undo.memory) node{{}, F{std::forward<Parts>(parts)...}};
  undo.memory = nullptr;
  queue(&n->head, &node::run);
}
/// A queue for post(). `owner`: a token, or something of the code that will run.
struct domain_queue {
  gs_domain* domain;
  void* owner;
  void operator()(rcu_head* head, rcu_callback_t run) const noexcept {
    gs_call_rcu(domain, head, run, owner);
  }
};

template <class T, class D>
struct retired {
  T* object;
  [[no_unique_address]] D deleter;
  [[gnu::visibility("hidden")]] void operator()() { deleter(object); }
};

}  // namespace detail

/// Runs d(p) after a grace period. Allocates a small node; throws std::bad_alloc when that fails,
/// or what moving the deleter throws: then nothing is scheduled and nothing kept. Source:
/// [saferecl.rcu.general], rcu_retire.
template <class T, class D = std::default_delete<T>>
[[gnu::visibility("hidden")]] void rcu_retire(T* p, D d = D(),
                                              rcu_domain& domain = rcu_default_domain()) {
  static_assert(std::is_move_constructible_v<D>, "the deleter is moved to where it waits");
  static_assert(std::is_invocable_v<D&, T*&>, "the deleter is called as d(p)");
  const detail::domain_queue queue{domain.native_handle(), detail::runs_in(p, d)};
  detail::post<detail::retired<T, D>>("no memory for rcu_retire", queue, p, std::move(d));
}

template <class F>
[[gnu::visibility("hidden")]] void rcu_domain::call(F&& f) {
  const detail::domain_queue queue{domain_, detail::runs_in(static_cast<char*>(nullptr), f)};
  detail::post<std::decay_t<F>>("no memory for a callback", queue, std::forward<F>(f));
}

}  // namespace graceslab
