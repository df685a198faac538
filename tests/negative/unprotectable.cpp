// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.hp.holder]: try_protect() mandates a type that hazard pointers protect, which one that
// inherits the base of another is not.
// EXPECT: no type that hazard pointers protect
#include <graceslab/std/hazard_pointer.hpp>

struct node : graceslab::std26::hazard_pointer_obj_base<node> {};
struct derived : node {};

void use(graceslab::std26::hazard_pointer& h, std::atomic<node*>& good,
         [[maybe_unused]] std::atomic<derived*>& bad) {
  h.protect(good);
#ifndef GRACESLAB_CONTROL
  h.protect(bad);
#endif
}
