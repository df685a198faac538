// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What C++26's <rcu> has, and nothing else: [saferecl.rcu], the library clause of 202306L. Names
// only; the library's own header has the mechanism, and what goes beyond the standard.
#pragma once
#include "../rcu.hpp"

namespace graceslab::std26 {

/// A universe of readers that lock() and unlock(): a program has rcu_default_domain() and needs no
/// other. Source: [saferecl.rcu.domain].
using graceslab::rcu_domain;
/// Base of what is retired by object->retire(deleter, domain). Source: [saferecl.rcu.base].
using graceslab::rcu_obj_base;
/// The domain that the functions below take by default. Source: [saferecl.rcu.domain.func].
using graceslab::rcu_default_domain;
/// Waits for readers, neither for deleters nor for retired memory. [saferecl.rcu.domain.func]
using graceslab::rcu_synchronize;
/// Waits for the deleters that were scheduled before. [saferecl.rcu.domain.func]
using graceslab::rcu_barrier;
/// Schedules d(p) of any pointer; may throw bad_alloc. [saferecl.rcu.domain.func]
using graceslab::rcu_retire;

}  // namespace graceslab::std26
