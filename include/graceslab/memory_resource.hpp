// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Caches and kmalloc for containers: a standard allocator and polymorphic memory resources.
// What a container gives back is free at once: for objects that readers may still hold, retire.
#pragma once
#include <cstddef>
#include <cstdio>
#include <limits>
#include <memory_resource>
#include <new>

#include "cache.hpp"

namespace graceslab {

namespace detail {

inline void* had(void* memory) {
  if (memory == nullptr) fail<std::bad_alloc>("no memory for a container");
  return memory;
}
inline void* kmalloc_or_fail(std::size_t bytes, std::size_t align) {
  return had(gs_kmalloc(kmalloc_bytes(bytes, align), 0));
}

}  // namespace detail

/// An allocator over kmalloc(): fast paths per thread, and memory that goes back to the system when
/// it is not needed. All are equal. Throws std::bad_alloc (std::bad_array_new_length).
template <class T>
class allocator {
 public:
  using value_type = T;
  using is_always_equal = std::true_type;

  allocator() noexcept = default;
  template <class U>
  allocator(const allocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / 2 / sizeof(T))
      detail::fail<std::bad_array_new_length>("an array too long");
    return static_cast<T*>(detail::kmalloc_or_fail(n * sizeof(T), alignof(T)));
  }
  void deallocate(T* p, std::size_t) noexcept { gs_kfree(p); }

  template <class U>
  friend bool operator==(const allocator&, const allocator<U>&) noexcept {
    return true;
  }
};

/// The same as a memory resource, equal to itself alone.
class [[gnu::visibility("hidden")]] kmalloc_resource : public std::pmr::memory_resource {
 protected:
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    return detail::kmalloc_or_fail(bytes, align);
  }
  void do_deallocate(void* p, std::size_t, std::size_t) override { gs_kfree(p); }
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

/// A cache for each size up to 1 KiB, made when first needed, and kmalloc beyond: for containers of
/// nodes, whose memory then is told apart (`graceslab::stats`, memory limits) from everybody
/// else's, and goes back when the resource ends.
/// - Context: any thread, at any time, several at once. Blocks: no.
/// - Errors: std::bad_alloc.
/// - Its end: blocks that were not given back are reported with their caches, which linger on.
class [[gnu::visibility("hidden")]] slab_resource : public kmalloc_resource {
 public:
  /// The caches are called NAME-48 and so on, by the bytes of their objects. `name` has to stay.
  explicit slab_resource(const char* name) noexcept : name_(name) {}
  slab_resource(const slab_resource&) = delete;
  slab_resource& operator=(const slab_resource&) = delete;
  ~slab_resource() override {
    for (kmem_cache* c : caches_)
      if (c != nullptr) (void)gs_cache_destroy_by(c, GS_POLICY_REPORT, nullptr);
  }

 protected:
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    return is_small(bytes, align) ? detail::had(gs_cache_alloc(cache_for(bytes), 0))
                                  : kmalloc_resource::do_allocate(bytes, align);
  }
  void do_deallocate(void* p, std::size_t bytes, std::size_t align) override {
    if (is_small(bytes, align))
      gs_cache_free(gs_load_acquire(place_for(bytes)), p);
    else
      kmalloc_resource::do_deallocate(p, bytes, align);
  }

 private:
  static constexpr std::size_t step = 16, small_most = 1024;

  static bool is_small(std::size_t bytes, std::size_t align) noexcept {
    return bytes <= small_most && align <= step;
  }
  kmem_cache** place_for(std::size_t bytes) noexcept {
    return &caches_[bytes == 0 ? 0 : (bytes - 1) / step];
  }
  kmem_cache* cache_for(std::size_t bytes) {
    kmem_cache** place = place_for(bytes);
    kmem_cache* known = gs_load_acquire(place);
    if (GS_LIKELY(known != nullptr)) return known;
    gs_cache_options options = {};
    options.size = (static_cast<std::size_t>(place - caches_) + 1) * step;
    char full_name[64];
    (void)std::snprintf(full_name, sizeof full_name, "%s-%zu", name_, options.size);
    options.name = full_name;
    options.align = step;
    options.owner = gs_this_module();
    kmem_cache* made = gs_cache_create(&options);
    if (made == nullptr) detail::fail<std::bad_alloc>("no memory for a cache");
    if (gs_compare_exchange(place, &known, made)) return made;
    (void)gs_cache_destroy_by(made, GS_POLICY_LINGER, nullptr);  // somebody was faster
    return known;
  }

  const char* name_;
  kmem_cache* caches_[small_most / step] = {};
};

}  // namespace graceslab
