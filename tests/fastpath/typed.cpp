// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The typed C++ face, which inlines its pops and pushes, and the reader's scope.
#include <graceslab/cache.hpp>

#include "probe.h"

namespace {

struct object {
  object() noexcept {}  // memory as it comes, as from malloc
  char payload[64];
};
using typed = graceslab::cache<object>;

typed& of(kmem_cache* s) { return *reinterpret_cast<typed*>(s); }

void* nothing(kmem_cache*) { return nullptr; }
void no_end(kmem_cache*, void*) {}
void* one(kmem_cache* s) { return of(s).try_make(); }
void* one_after_a_retire(kmem_cache* s) {
  of(s).retire(of(s).try_make());
  return of(s).try_make();
}
void give_back(kmem_cache* s, void* o) { of(s).release(static_cast<object*>(o)); }

void* make(kmem_cache* s, void*) { return of(s).try_make(); }
void* release(kmem_cache* s, void* o) {
  of(s).release(static_cast<object*>(o));
  return nullptr;
}
void* retire(kmem_cache* s, void* o) {
  of(s).retire(static_cast<object*>(o));
  return nullptr;
}
void* scope(kmem_cache*, void*) {
  graceslab::rcu_reader reader;
  asm volatile("" ::: "memory");
  return nullptr;
}

}  // namespace

const operation typed_operations[] = {
    {"rcu_reader", nothing, scope, no_end}, {"try_make", nothing, make, give_back},
    {"release", one, release, no_end},      {"retire", one_after_a_retire, retire, no_end},
    {nullptr, nullptr, nullptr, nullptr},
};

void* typed_cache_new(unsigned flags) { return new typed("typed", {.flags = flags}); }
