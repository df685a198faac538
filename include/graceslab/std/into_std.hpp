// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Puts the names of C++26's <rcu> and <hazard_pointer> into namespace std where the C++ library has
// none, with the macros that say so. For programs that are written for the standard: include it in
// their place, all units of the program alike. Where the library has its own, those are included.
#pragma once
#include <version>

#include "hazard_pointer.hpp"
#include "rcu.hpp"

#if !defined(__cpp_lib_rcu)
#define __cpp_lib_rcu 202306L
namespace std {
using graceslab::std26::rcu_barrier;
using graceslab::std26::rcu_default_domain;
using graceslab::std26::rcu_domain;
using graceslab::std26::rcu_obj_base;
using graceslab::std26::rcu_retire;
using graceslab::std26::rcu_synchronize;
}  // namespace std
#elif __has_include(<rcu>)
#include <rcu>
#endif

#if !defined(__cpp_lib_hazard_pointer)
#define __cpp_lib_hazard_pointer 202306L
namespace std {
using graceslab::std26::hazard_pointer;
using graceslab::std26::hazard_pointer_obj_base;
using graceslab::std26::make_hazard_pointer;
using graceslab::std26::swap;
}  // namespace std
#elif __has_include(<hazard_pointer>)
#include <hazard_pointer>
#endif
