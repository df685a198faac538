// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What hazard pointers offer to the layers above: retired objects wait here until no slot names
// them, and then in a domain without readers, as callbacks, for their turn to be deleted.
// Page: docs/ordering/hazard-pointers.md
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

#include "rcu/whose.hpp"

namespace graceslab::hazard {

using rcu::those;

// False: the object is retired already, which is reported. Else retire_claimed() is to follow.
bool claim_head(gs_hazard_head* head) noexcept;
void retire_claimed(gs_hazard_head* head, rcu_callback_t func, void* owner) noexcept;
void retire(gs_hazard_head* head, rcu_callback_t func, void* owner) noexcept;
// Waits until what was retired before, and is not protected, has been deleted.
void barrier() noexcept;

// Hands in what nobody protects, and runs nothing. Waits for nobody's code. False: no fence works
// just now, and everything stays.
bool scan() noexcept;
// A deleter of ours runs on this thread.
bool deleting() noexcept;

// Not handed in.
unsigned long count(const those& which) noexcept;
// Those too that are, until their deleter has returned. Who is on the way may count twice.
unsigned long count_unended(const those& which) noexcept;
// A hazard pointer that the calling thread made protects one of them.
bool protected_here(const those& which) noexcept;
// "object 0x7f.. by a hazard pointer made by thread 1234 (name)", of the first that is protected;
// 0: none is.
std::size_t describe_protector(const those& which, char* text, std::size_t bytes) noexcept;

// Runs those of them that are handed in; nobody else's.
void run_handed_in(const those& which) noexcept;
// Scans until none of them is left, and then, if their deleters run at all, runs those of them that
// are queued and waits until they have returned; nobody else's. Names who protects one at the stall
// limit. They may not be retired without end meanwhile. False: this thread protects one itself, its
// deadline passed, or the system refuses every fence. `what` is for the reports: "the destroy of
// cache 'c'".
bool wait_for(const those& which, const char* what) noexcept;
// The first half.
bool wait_for_protectors(const those& which, const char* what) noexcept;
// The same of those alone that have been retired by now, and then of all deleters that are queued.
// By exit, where other threads go on.
bool wait_for_retired_before(const those& which, const char* what) noexcept;

}  // namespace graceslab::hazard
