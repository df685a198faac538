// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A typed cache of objects. Safe by default: its destructor waits for what is still in flight.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "rcu.hpp"

namespace graceslab {

enum class destroy_policy {
  by_default = GS_POLICY_DEFAULT,  // GRACESLAB_DESTROY, normally linger
  linger = GS_POLICY_LINGER,       // return at once; the last object home ends the cache
  report = GS_POLICY_REPORT,       // the same, and report every object that is out
  wait = GS_POLICY_WAIT,           // wait for retired objects first
};

/// What a destroy came to.
struct destroy_result {
  errc code = errc::ok;            // ok: gone. busy: it lingers on
  kmem_cache_cookie_t cookie = 0;  // to wait for, or to ask why(): see teardown.hpp
};

/// What make() throws when its cache was destroyed: an object cannot be had, and not for want of
/// memory. The misuse is reported as well, with the place.
class [[gnu::visibility("hidden")]] cache_ended : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return "graceslab: the cache was destroyed"; }
};

template <class T>
class cache {
  static_assert(sizeof(T) <= (std::size_t{1} << 20), "objects up to 1 MiB");
  static_assert(alignof(T) <= 65536, "alignment up to 64 KiB");

 public:
  struct options {
    rcu_domain* domain = nullptr;  // nullptr: the default one; for life
    destroy_policy policy = destroy_policy::by_default;
    unsigned flags = 0;  // SLAB_*
    std::uint64_t pending_limit_bytes = 0;
    graceslab::pressure pressure = graceslab::pressure::expedite;
    std::uint64_t memory_limit_bytes = 0;  // of its slabs; beyond it there is no memory. 0 = any
  };

  /// Creates a cache. Throws std::bad_alloc when memory runs out. Does not block.
  [[gnu::visibility("hidden")]] explicit cache(const char* name, const options& o = {}) {
    gs_cache_options c = {};
    c.name = name;
    c.size = sizeof(T);
    c.align = alignof(T);
    c.flags = o.flags;
    if constexpr (!std::is_trivially_destructible_v<T>) c.dtor = &cache::end_one;
    c.domain = o.domain != nullptr ? o.domain->native_handle() : nullptr;
    c.owner = gs_this_module();
    c.policy = static_cast<int>(o.policy);
    c.pending_limit_bytes = o.pending_limit_bytes;
    c.pressure = static_cast<int>(o.pressure);
    cache_ = gs_cache_create(&c);
    if (cache_ == nullptr) detail::fail<std::bad_alloc>("no memory for a cache");
    if (o.memory_limit_bytes != 0) (void)gs_cache_limit_memory(cache_, o.memory_limit_bytes);
    if (gs_cache_stride(cache_) == stride && gs_cache_id(cache_) < GS_TLS_CACHES)
      id_ = gs_cache_id(cache_);
  }

  /// Ends the cache.
  /// - Waits for: the retires of this cache, and what their destructors retire into it, to the end
  ///   of the chain; until a destructor has retired new objects of its own in 8 rounds: then
  ///   nothing can be made any more, so that the chain ends.
  /// - Does not: wait for callbacks, other caches, or objects that are allocated: these are
  ///   reported and the cache lingers on. Nothing is freed early.
  /// - Context: inside a reader or a callback it lingers instead, without a report. Destructors
  ///   that come later must not use this object then: gs_retire() needs none.
  /// - At process exit it waits no longer than the exit deadline, and the cache goes on serving,
  ///   through this object too: other threads, and objects that end later, may still need it.
  ~cache() {
    if (!ended_) (void)gs_cache_destroy_by(cache_, GS_POLICY_WAIT_IF_POSSIBLE, nullptr);
  }
  cache(const cache&) = delete;
  cache& operator=(const cache&) = delete;

  /// Constructs an object. Throws std::bad_alloc when memory runs out, cache_ended after destroy(),
  /// or what the constructor throws.
  template <class... Args>
  [[nodiscard]] GS_INLINE_MEMBER T* make(Args&&... args) {
    void* memory = take();
    if (memory == nullptr) no_object();
    return construct(memory, std::forward<Args>(args)...);
  }
  /// The same, but nullptr when memory runs out or the cache was destroyed.
  template <class... Args>
  [[nodiscard]] GS_INLINE_MEMBER T* try_make(Args&&... args) noexcept(
      std::is_nothrow_constructible_v<T, Args...>) {
    void* memory = take();
    return memory == nullptr ? nullptr : construct(memory, std::forward<Args>(args)...);
  }

  /// Memory for an object, as it comes: no constructor runs. For who constructs there, and ends
  /// what was constructed, by other means. Throws as make() does.
  [[nodiscard]] GS_INLINE_MEMBER T* allocate() {
    void* memory = take();
    if (memory == nullptr) no_object();
    return static_cast<T*>(memory);
  }
  /// Gives such memory back at once; no destructor runs. nullptr is a no-op. Never fails.
  GS_INLINE_MEMBER void deallocate(T* object) noexcept { give(object, 0); }

  /// Releases an object when its owner ends. By the cache's handle, so it may outlive the cache<T>:
  /// the object then comes home late, counted and reported as in C.
  struct deleter {
    kmem_cache* cache = nullptr;
    void operator()(T* object) const noexcept {
      object->~T();
      gs_cache_free(cache, object);
    }
  };
  using unique_ptr = std::unique_ptr<T, deleter>;
  /// make(), into an owner that releases it. Throws as make() does.
  template <class... Args>
  [[nodiscard]] unique_ptr make_unique(Args&&... args) {
    return unique_ptr(make(std::forward<Args>(args)...), deleter{cache_});
  }

  /// Destroys an object that no reader can hold and gives its memory back at once. nullptr is a
  /// no-op. Never fails.
  GS_INLINE_MEMBER void release(T* object) noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) {
      if (object == nullptr) return;
      object->~T();
    }
    give(object, 0);  // which looks whose object it is, and nullptr is nobody's
  }

  /// Destroys an object and reclaims its memory after a grace period.
  /// Waits for nothing, needs no memory, never blocks; legal in readers and callbacks. A trivial
  /// destructor costs no work per object; another one runs at harvest, as code of the owner that
  /// barrier() and dlclose wait for.
  GS_INLINE_MEMBER void retire(T* object) noexcept { give(object, 1); }

  /// The same with a deleter: after a grace period d(object) ends the object in place of its
  /// destructor, as a callback; then its memory comes home. barrier(), a destroy that waits and
  /// ~cache() wait for the domain's callbacks first, once this was used; a destroy that lingers
  /// reports the object, as one that was never retired.
  /// Allocates a small node; throws std::bad_alloc, or what moving the deleter throws: then nothing
  /// is scheduled. nullptr is a no-op.
  template <class D>
  [[gnu::visibility("hidden")]] void retire(T* object, D d) {
    if (object == nullptr) return;
    auto queue = [this, code = detail::runs_in(object, d)](rcu_head* head,
                                                           rcu_callback_t run) noexcept {
      gs_cache_call(cache_, head, run, code);
    };
    detail::post<ended_by<D>>("no memory for a deleter", queue, object, cache_, std::move(d));
  }

  /// Waits until every object of this cache retired before the call has been reclaimed (A7), with
  /// what destructors retired in turn, and so on.
  /// - Does not: wait for callbacks, other caches, what others retire meanwhile, or objects still
  ///   allocated.
  /// - Context: inside a reader or callback: reported, errc::would_deadlock.
  /// - Blocks: for one grace period, one more for each link of a chain, or not at all when nothing
  ///   is pending.
  /// - Returns: errc::busy when destructors go on retiring for 8 rounds more than there were
  ///   objects, or past the stall limit: the destructor is reported (rearming-callback).
  errc barrier() noexcept { return to_errc(gs_cache_barrier(cache_)); }

  /// Ends the cache now, by the given policy. The destructor then has no further effect. Objects
  /// that are still out may be given back as before, by release() and retire(): they come home, and
  /// a late release is counted and the first one reported, as with kmem_cache_free(). Anything else
  /// on an ended cache is reported: make() throws cache_ended, try_make() is nullptr, a second
  /// destroy does nothing.
  destroy_result destroy(destroy_policy policy = destroy_policy::wait) noexcept {
    destroy_result result;
    ended_ = true;
    result.code = to_errc(gs_cache_destroy_by(cache_, static_cast<int>(policy), &result.cookie));
    return result;
  }

  /// Gives free memory back to the system. True when no slab is left.
  bool shrink() noexcept { return gs_cache_shrink(cache_) == 0; }

  kmem_cache* native_handle() const noexcept { return cache_; }

 private:
  [[noreturn, gnu::cold, gnu::noinline]] void no_object() const {
    if (!gs_cache_is_open(cache_)) detail::fail<cache_ended>("the cache was destroyed");
    detail::fail<std::bad_alloc>("no memory for an object");
  }

  template <class D>
  struct ended_by {
    T* object;
    kmem_cache* cache;
    [[no_unique_address]] D d;
    [[gnu::visibility("hidden")]] void operator()() {
      d(object);
      gs_cache_free(cache, object);
    }
  };
  // Hidden, as whatever says whose code it is: see detail/owner.h.
  [[gnu::visibility("hidden")]] static void end_one(void* p) { static_cast<T*>(p)->~T(); }

  // The layout that the library gives this size and alignment; a cache laid out otherwise (debug
  // flags) keeps id_ = 0 and goes out of line.
  static constexpr std::size_t natural = sizeof(T) >= 16  ? 16
                                         : sizeof(T) >= 8 ? 8
                                         : sizeof(T) >= 4 ? 4
                                         : sizeof(T) >= 2 ? 2
                                                          : 1;
  static constexpr std::size_t align = alignof(T) > natural ? alignof(T) : natural;
  static constexpr std::uint32_t stride =
      sizeof(T) == 1 ? 2 : static_cast<std::uint32_t>((sizeof(T) + align - 1) / align * align);

  // This thread's arrays of this very cache: its id may belong to another one, should somebody have
  // destroyed ours by its native handle. No cache has id 0, so nothing is found there.
  GS_INLINE_MEMBER gs_local* local() const noexcept {
    gs_local* l = gs_tls.local[id_];
    return GS_LIKELY(l->handle == reinterpret_cast<std::uintptr_t>(cache_)) ? l : nullptr;
  }
  GS_INLINE_MEMBER void* take() noexcept {
    if (gs_local* l = local())
      if (void* p = gs_local_take(l, stride)) return p;
    return gs_cache_alloc(cache_, 0);
  }
  GS_INLINE_MEMBER void give(T* object, int retired) noexcept {
    if (gs_local* l = local())
      if (gs_local_give(l, retired, object, id_, stride)) return;
    if (retired)
      gs_cache_retire(cache_, object);
    else
      gs_cache_free(cache_, object);
  }
  template <class... Args>
  GS_INLINE_MEMBER T* construct(void* memory, Args&&... args) noexcept(
      std::is_nothrow_constructible_v<T, Args...>) {
    if constexpr (std::is_nothrow_constructible_v<T, Args...>) {
      return ::new (memory) T(std::forward<Args>(args)...);
    } else {
      struct guard {
        cache* self;
        void* memory;
        ~guard() {
          if (memory != nullptr) self->give(static_cast<T*>(memory), 0);
        }
      } undo{this, memory};
      T* object = ::new (memory) T(std::forward<Args>(args)...);
      undo.memory = nullptr;
      return object;
    }
  }

  kmem_cache* cache_ = nullptr;  // stays after destroy(): what comes late is known by it
  std::uint32_t id_ = 0;         // 0: laid out unlike T (debug flags) or beyond the fast table
  bool ended_ = false;           // by destroy(): nothing is left for the destructor
};

}  // namespace graceslab
