// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "bounds_ground.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>

#include "anonymous_memory.hpp"

namespace graceslab::torture {
namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t magic_bytes = sizeof(std::uint64_t);  // at the start of constructed objects
constexpr std::uint64_t magic = 0x636f6e7374727563;
constexpr std::size_t small_sizes[] = {128, 768, 3072, 8192};
constexpr std::size_t large_sizes[] = {20 * kib, 64 * kib, 320 * kib,
                                       1216 * kib};  // all of them whole
constexpr unsigned many = 1000;

constexpr std::uint64_t rest = 256 * kib;          // stacks, and what the system's library took
constexpr std::uint64_t locked_rest = 3 * mib;     // made usable ahead, which mlockall() fills
constexpr std::uint64_t used_once_rest = 2 * kib;  // a record, and what was not told apart

void construct(void* object) { *static_cast<std::uint64_t*>(object) = magic; }

}  // namespace

void bounds_broken(const std::string& why) {
  fmt::print("{}\n", why);
  std::fflush(stdout);
  std::_Exit(1);
}

std::uint64_t resident_now() {
  if (const std::optional bytes = tool::anonymous_bytes()) return *bytes;
  fmt::print("skipped /proc/self/smaps_rollup cannot be read\n");
  std::fflush(stdout);
  std::_Exit(0);
}

kmem_cache* source::create(const char* name, std::size_t bytes) const {
  constexpr slab_flags_t flags[] = {0, SLAB_TYPESAFE_BY_RCU, 0,
                                    SLAB_POISON | SLAB_RED_ZONE | SLAB_CONSISTENCY_CHECKS,
                                    SLAB_NO_DETECTION};
  kmem_cache* s = kmem_cache_create(name, bytes, 0, flags[case_.kind],
                                    case_.kind == constructed_kind ? construct : nullptr);
  if (s == nullptr) bounds_broken("a cache could not be created");
  return s;
}

void source::open() {
  if (case_.kind >= kmalloc_kind || case_.load == many_load) return;
  cache_ = create("torture.bounds", case_.object_bytes);
  stride_ = gs_cache_stride(cache_);
}

std::uint64_t source::bytes_of(std::size_t i) const {
  if (case_.kind == kmalloc_kind) return small_sizes[i % std::size(small_sizes)];
  if (case_.kind == large_kind) return large_sizes[i % std::size(large_sizes)];
  return std::max(stride_, std::uint64_t{case_.object_bytes});
}

std::uint64_t source::bytes_of_first(std::size_t n) const {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i != n; ++i) bytes += bytes_of(i);
  return bytes;
}

std::size_t source::count_for(std::uint64_t bytes) const {
  std::size_t n = 0;
  for (std::uint64_t sum = 0; (sum += bytes_of(n)) <= bytes;) ++n;
  return std::max(n, std::size_t{1});
}

unsigned source::caches() const {
  if (case_.kind == kmalloc_kind) return static_cast<unsigned>(std::size(small_sizes));
  return case_.kind == large_kind ? static_cast<unsigned>(std::size(large_sizes)) : 1;
}

namespace {

void touch(void* object, std::size_t bytes) {
  if (object == nullptr) bounds_broken("an allocation failed, far below the limit");
  for (std::size_t at = magic_bytes; at < bytes; at += page)
    *static_cast<volatile char*>(static_cast<char*>(object) + at) = 'x';
}

}  // namespace

void* source::take(std::size_t i) {
  const std::size_t bytes = cache_ != nullptr ? case_.object_bytes : bytes_of(i);
  void* object =
      cache_ != nullptr ? kmem_cache_alloc(cache_, GFP_KERNEL) : kmalloc(bytes, GFP_KERNEL);
  touch(object, bytes);
  if (case_.kind == constructed_kind && *static_cast<std::uint64_t*>(object) != magic)
    bounds_broken("an object is not as its constructor left it");
  return object;
}

void source::give(void* object, std::size_t i) {
  if (i % 8 < case_.retired_of_8)
    gs_retire(object);
  else if (cache_ != nullptr)
    kmem_cache_free(cache_, object);
  else
    kfree(object);
}

void source::use_once(unsigned number) {
  const bool of_cache = case_.kind < kmalloc_kind;
  const std::size_t bytes = of_cache                   ? case_.object_bytes
                            : case_.kind == large_kind ? 9 * kib + number * 520
                                                       : 8 + number * 8;
  kmem_cache* s = of_cache ? create("torture.bounds.once", bytes) : nullptr;
  for (std::size_t i = 0; i == 0 || (i != 10 && i * bytes < 64 * kib); ++i) {
    void* object = of_cache ? kmem_cache_alloc(s, GFP_KERNEL) : kmalloc(bytes, GFP_KERNEL);
    touch(object, bytes);
    if (i < case_.retired_of_8)
      gs_retire(object);
    else
      kfree(object);
  }
}

void source::use_many_once() {
  for (unsigned i = 0; i != many; ++i) use_once(i);
  used_once_ = case_.kind < kmalloc_kind ? many : 32;
}

ground::ground(const bounds_case& c) : played(c), from(c), random_(c.seed) {
  objects_.assign(from.count_for(bounds_working_set), this);
  light_.assign(from.count_for(bounds_light_use), this);
}

void ground::begin() {
  before_ = resident_now();
  from.open();
}

void ground::take(std::size_t first, std::size_t end) {
  for (; first != end; ++first) objects_[first] = from.take(first);
}
void ground::give(std::size_t first, std::size_t end) {
  for (; first != end; ++first) from.give(objects_[first], first);
}
void ground::shuffle() { std::shuffle(objects_.begin(), objects_.end(), random_); }

void ground::use_lightly() {
  for (std::size_t i = 0; i != light_.size(); ++i) light_[i] = from.take(i);
  for (std::size_t i = 0; i != light_.size(); ++i) from.give(light_[i], i);
}

// B1.
std::uint64_t ground::bound(std::uint64_t bytes) const {
  return bytes + bytes / 4 + from.caches() * mib + from.used_once() * used_once_rest + rest +
         (played.limit == locked_limit ? locked_rest : 0);
}

std::uint64_t ground::held() const {
  const std::uint64_t now = resident_now();
  return now > before_ ? now - before_ : 0;
}

std::string ground::untrue_statistics(std::uint64_t bytes) const {
  std::uint64_t told = 0;
  gs_caches_visit([](const gs_cache_stats* s,
                     void* sum) { *static_cast<std::uint64_t*>(sum) += s->resident_bytes; },
                  &told);
  const std::uint64_t there = held();
  if (told < bytes)
    return fmt::format("statistics tell of {} KiB, and {} are in use", told / kib, bytes / kib);
  if (told > there + rest)
    return fmt::format("statistics tell of {} KiB, and {} are resident", told / kib, there / kib);
  return {};
}

}  // namespace graceslab::torture
