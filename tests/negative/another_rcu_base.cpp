// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.rcu.base]: retire() mandates that the base is the object's own.
// EXPECT: public, non-virtual base, and no other one
#include <graceslab/std/rcu.hpp>

struct stranger {};
#ifdef GRACESLAB_CONTROL
struct node : graceslab::std26::rcu_obj_base<node> {};
#else
struct node : graceslab::std26::rcu_obj_base<stranger> {};
#endif

void retire(node* object) { object->retire(); }
