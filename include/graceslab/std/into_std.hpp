// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Puts the names of C++26's <rcu> into namespace std where the C++ library has none, with the macro
// that says so. For programs that are written for the standard: include it in their place, all
// units of the program alike. Where the library has its own, this header does nothing.
#pragma once
#include <version>

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
