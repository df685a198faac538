// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whose code is queued: shared objects that attached themselves, and tokens that programs made.
//
// Enters      an owner at attach or create.       Leaves  at dlclose (before it is unmapped) or
// destroy. Owns        the table of owners, owners_lock (never held while a callback runs).
// Invariants  O1 closing_generation() != 0 <=> some owner is closing.
//             O2 a post of a closing owner never reaches a queue (docs/ordering/callbacks.md, claim
//             6).
#pragma once
#include <cstddef>
#include <cstdint>

struct gs_owner;
struct gs_domain;

namespace graceslab::rcu {

void attach_module(void* dso_handle, std::uint32_t layout_version) noexcept;
gs_owner* create_owner(const char* name) noexcept;
unsigned long settle_owner(gs_owner* owner) noexcept;
void destroy_owner(gs_owner* owner) noexcept;

// 0: no owner is closing. Else a number that changes whenever one more starts to close.
std::uint32_t closing_generation() noexcept;
bool owner_is_closing(void* owner) noexcept;
void note_refused(void* owner) noexcept;

void lock_owners() noexcept;  // fork
void unlock_owners() noexcept;
void owners_after_fork_in_child() noexcept;

}  // namespace graceslab::rcu
