// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What hazard pointers offer to the layers above: retired objects wait here until no slot names
// them, and then in a domain without readers, as callbacks, for their turn to be deleted.
// Page: docs/ordering/hazard-pointers.md
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

namespace graceslab::hazard {

void retire(gs_hazard_head* head, rcu_callback_t func, void* owner) noexcept;
// Waits until what was retired before, and is not protected, has been deleted.
void barrier() noexcept;

// Hands in what nobody protects, and where this thread may wait runs it as well. Waits for nobody's
// code. False: no fence works just now, and everything stays.
bool scan() noexcept;
bool any_retired() noexcept;  // and not handed in; a hint
// A deleter of ours runs on this thread.
bool deleting() noexcept;

// Which of the retired objects.
struct pick {
  bool (*is)(const gs_hazard_head& head, const void* arg);
  const void* arg;
};
unsigned long count(const pick& which) noexcept;
// A hazard pointer that the calling thread made protects one of them.
bool protected_here(const pick& which) noexcept;
// "object 0x7f.. by a hazard pointer made by thread 1234 (name)", of the first that is protected;
// 0: none is.
std::size_t describe_protector(const pick& which, char* text, std::size_t bytes) noexcept;

// Scans until none of them is left and deleters have returned; names who protects one at the stall
// limit. False: this thread protects one itself, its deadline passed, or the
// system refuses every fence. `what` is for the reports:
// "the destroy of cache 'c'".
bool wait_for(const pick& which, const char* what) noexcept;

}  // namespace graceslab::hazard
