// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whose code is queued: shared objects that attached themselves, and tokens that programs made.
//
// - Enters: an owner at attach or create.
// - Leaves: at dlclose (before it is unmapped) or destroy.
// - Owns: the table of owners, under a lock that is never held while a callback runs.
// - Invariants: O1 closing_generation() != 0 <=> some owner is closing. O2 a post of a closing
//   owner never reaches a queue (docs/ordering/callbacks.md, claim 6).
#pragma once
#include <cstddef>
#include <cstdint>

#include "rcu/queue.hpp"

struct gs_owner;

namespace graceslab::rcu {

void attach_module(void* dso_handle, std::uint32_t layout_version) noexcept;
// Before the static objects of a module that is unloaded end.
void leave_module(void* dso_handle) noexcept;
gs_owner* create_owner(const char* name) noexcept;
// `owner`: what create_owner() gave, or the handle of a module that attached itself.
unsigned long settle_owner(gs_owner* owner) noexcept;
void destroy_owner(gs_owner* owner) noexcept;

// 0: no owner is closing. Else a number that changes whenever one more starts to close.
std::uint32_t closing_generation() noexcept;
bool owner_is_closing(const entry& e) noexcept;
void note_refused(const entry& e) noexcept;

void lock_owners() noexcept;  // fork
void unlock_owners() noexcept;
void owners_after_fork_in_child() noexcept;

}  // namespace graceslab::rcu
