// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.hp.base]: retire() mandates that there is no other hazard_pointer_obj_base.
// EXPECT: public, non-virtual base, and no other one
#include <graceslab/std/hazard_pointer.hpp>

struct other : graceslab::std26::hazard_pointer_obj_base<other> {};
struct node : graceslab::std26::hazard_pointer_obj_base<node>
#ifndef GRACESLAB_CONTROL
    ,
              other
#endif
{
};

void retire(node* object) { object->graceslab::std26::hazard_pointer_obj_base<node>::retire(); }
