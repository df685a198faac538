// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What C++26's <hazard_pointer> has, and nothing else: [saferecl.hp], the library clause of
// 202306L. Names only; the library's own header has the mechanism.
#pragma once
#include "../hazard_pointer.hpp"

namespace graceslab::std26 {

/// Protects one object at a time, or is empty. Source: [saferecl.hp.holder].
using graceslab::hazard_pointer;
/// Base of what is retired by object->retire(deleter). Source: [saferecl.hp.base].
using graceslab::hazard_pointer_obj_base;
/// One that is not empty; may throw bad_alloc. Source: [saferecl.hp.holder.nonmem].
using graceslab::make_hazard_pointer;
using graceslab::swap;

}  // namespace graceslab::std26
