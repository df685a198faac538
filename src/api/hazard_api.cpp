// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Hazard pointers for programs: translation and nothing else.
#include <graceslab/detail/abi.h>

#include "hazard/hazard.hpp"

void gs_hazard_retire(struct gs_hazard_head* head, rcu_callback_t func, void* owner) {
  graceslab::hazard::retire(head, func, owner);
}
int gs_hazard_claim(struct gs_hazard_head* head) { return graceslab::hazard::claim_head(head); }
void gs_hazard_retire_claimed(struct gs_hazard_head* head, rcu_callback_t func, void* owner) {
  graceslab::hazard::retire_claimed(head, func, owner);
}
void gs_hazard_barrier(void) { graceslab::hazard::barrier(); }
