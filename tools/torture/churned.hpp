// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A cache that is created to be destroyed, with objects whose content nobody but us may change.
#pragma once
#include <graceslab/kernel/slab.h>

#include <graceslab/rcu.hpp>
#include <vector>

#include "session.hpp"

namespace graceslab::torture {

class churned {
 public:
  // Throws std::bad_alloc.
  churned(worker& w, unsigned flags, gs_domain* domain);

  void allocate(unsigned n);
  void allocate_at_once(unsigned n);
  void retire(std::size_t keep);  // all but `keep` live objects
  void free(std::size_t keep);
  void post(std::size_t keep);  // freed by callbacks of the default domain
  // A thread that uses the cache and ends.
  void visit();
  void check_counts();

  // What every destroy comes to: the handle is stale, and the cookie is done.
  void expect_gone(const char* approach);
  void expect_gone(const char* approach, kmem_cache_cookie_t cookie);

  kmem_cache* handle() const { return cache_; }
  std::size_t live() const { return live_.size(); }
  worker& by() const { return worker_; }

 private:
  char* keep(void* p);
  char* take();  // a live object, checked

  worker& worker_;
  gs_domain* domain_;  // nullptr: the default one
  kmem_cache* cache_;
  std::size_t size_;
  std::uint64_t key_;
  std::uint64_t retired_ = 0;
  std::vector<char*> live_;
};

// One way to end a cache, and what must come of it.
struct approach {
  const char* name;
  unsigned flags;   // of the cache
  bool own_domain;  // one whose rcu_barrier covers retired memory
  void (*end)(churned& c, rcu_domain& own);
};
extern const approach approaches[];
unsigned approach_count();

}  // namespace graceslab::torture
