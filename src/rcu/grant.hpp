// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A grant: callbacks that a runner may begin without the shard's lock. They follow the one that it
// claimed, in the same array.
//
// - Enters: with a claim, under the shard's lock.
// - Leaves: recalled under that lock, by its runner when it has finished or by whoever wants to
//   see the queue as it is. What was not begun by then is queued, as it was all the while.
// - Owns: nothing but the right to begin. Cursor, counts and numbers of the queue stand where the
//   claim left them until the recall.
// - Invariants: a shard has one grant at most. Each callback is begun by its runner or found queued
//   by who recalls: one word decides.
// Page: docs/ordering/callbacks.md, claims 15 and 16
#pragma once
#include <cstdint>

#include "rcu/run.hpp"

namespace graceslab::rcu {

enum class beginning { begun, ended, recalled };

// Under the shard's lock. Up to `most` callbacks behind the one that this runner has just claimed.
void grant(shard& s, runner& r, unsigned most) noexcept;
void recall(shard& s) noexcept;
// Of every shard; takes their locks.
void recall_all(gs_domain* d) noexcept;
// Of those whose locks nobody has: for whoever may have interrupted their holder.
void recall_where_free(gs_domain* d) noexcept;

// Without it. The callback before has returned; ended: none is left of the grant.
beginning begin_next(runner& r, entry* out) noexcept;

// Callbacks of this thread's own grant that have returned and are not counted yet.
std::uint32_t uncounted(const runner& r) noexcept;

// What watchers look at (watch.hpp), before the callback begins for good.
void show(runner& r, const entry& e) noexcept;

}  // namespace graceslab::rcu
