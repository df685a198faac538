// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.rcu.base]: retire() mandates that there is no other rcu_obj_base.
// EXPECT: public, non-virtual base, and no other one
#include <graceslab/std/rcu.hpp>

struct other : graceslab::std26::rcu_obj_base<other> {};
struct both : graceslab::std26::rcu_obj_base<both>
#ifndef GRACESLAB_CONTROL
    ,
              other
#endif
{
};

void retire(both* object) { object->graceslab::std26::rcu_obj_base<both>::retire(); }
