// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Looking inside: exact counts, and why a cache still lives.
#pragma once
#include <string>
#include <vector>

#include "cache.hpp"

namespace graceslab {

using cache_stats = gs_cache_stats;
using domain_stats = gs_domain_stats;

/// Exact counts of one cache; seizes every thread's arrays of it for a moment. A stale handle gives
/// zeros.
template <class T>
cache_stats stats(const cache<T>& c) noexcept {
  cache_stats s = {};
  (void)gs_cache_read_stats(c.native_handle(), &s);
  return s;
}

/// Counts of one domain. Never blocks for a reader.
inline domain_stats stats(const rcu_domain& d = rcu_default_domain()) noexcept {
  domain_stats s = {};
  gs_domain_read_stats(d.native_handle(), &s);
  return s;
}

using memory_use = gs_memory_use;

/// What a cache's slabs take of memory, and its limit. A stale handle gives zeros.
template <class T>
memory_use memory(const cache<T>& c) noexcept {
  memory_use m = {};
  (void)gs_cache_read_memory(c.native_handle(), &m);
  return m;
}

/// The same of all caches of a domain; the default one is kmalloc's.
inline memory_use memory(const rcu_domain& d = rcu_default_domain()) noexcept {
  memory_use m = {};
  gs_domain_read_memory(d.native_handle(), &m);
  return m;
}

/// Every cache that exists, lingering ones included.
inline std::vector<cache_stats> all_caches() {
  std::vector<cache_stats> all;
  gs_caches_visit([](const cache_stats* s,
                     void* arg) { static_cast<std::vector<cache_stats>*>(arg)->push_back(*s); },
                  &all);
  return all;
}

/// Why a destroyed cache still lives: its stage, how many objects are out, and which reader or
/// callback it waits for.
inline std::string why(kmem_cache_cookie_t cookie) {
  char text[2048];
  gs_cache_why(cookie, text, sizeof text);
  return text;
}

/// The same of a cache that is open, or that was destroyed, by its handle.
inline std::string why(kmem_cache* handle) {
  char text[2048];
  gs_cache_why_of(handle, text, sizeof text);
  return text;
}
template <class T>
std::string why(const cache<T>& c) {
  return why(c.native_handle());
}

}  // namespace graceslab
