// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Hazard pointers: one protection and its end, a copy of one, one hazard pointer and its end. A
// retire takes a lock, whose checks are not in every build: see the workload hazard_cycle of the
// benchmark.
#include <graceslab/hazard_pointer.hpp>

#include "probe.h"

namespace {

struct object : graceslab::hazard_pointer_obj_base<object> {};

std::atomic<object*> source{new object};

graceslab::hazard_pointer& held() {
  static auto* h = new graceslab::hazard_pointer(graceslab::make_hazard_pointer());
  return *h;
}
void* a_hazard_pointer(kmem_cache*) { return &held(); }
void* a_spare_one(kmem_cache*) {
  (void)graceslab::make_hazard_pointer();
  return nullptr;
}
void no_end(kmem_cache*, void*) {}

void* protect(kmem_cache*, void* h) {
  auto& hazard = *static_cast<graceslab::hazard_pointer*>(h);
  object* o = hazard.protect(source);
  asm volatile("" ::"r"(o) : "memory");
  hazard.reset_protection();
  return nullptr;
}
void* copy(kmem_cache*, void* h) {
  auto& hazard = *static_cast<graceslab::hazard_pointer*>(h);
  hazard.reset_protection(source.load(std::memory_order_relaxed));
  hazard.reset_protection();
  return nullptr;
}
void* make(kmem_cache*, void*) {
  graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
  asm volatile("" ::: "memory");
  return nullptr;
}
}  // namespace

const operation hazard_operations[] = {
    {"protect", a_hazard_pointer, protect, no_end},
    {"copy", a_hazard_pointer, copy, no_end},
    {"make", a_spare_one, make, no_end},
    {nullptr, nullptr, nullptr, nullptr},
};
