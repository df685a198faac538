// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Background threads that seal, drive grace periods and run callbacks of all domains.
//
// - Leader: one worker does all the work and sleeps on the doorbell when there is none.
// - Watcher: while the leader runs callbacks another worker looks at it every 50 ms; a leader that
//   stays inside one callback is deposed: the watcher leads, and the old leader stands by when its
//   callback has returned.
// - Idle: with nothing pending nobody wakes up but once, to end after GRACESLAB_HELPER_IDLE_MS.
// - Page: docs/ordering/callbacks.md, claims 7 and 10; docs/ordering/idle-threads.md
#pragma once
#include <cstdint>

struct gs_domain;

namespace graceslab::rcu {

void wake_worker() noexcept;    // work was published; starts a worker if there is none
bool callers_drive() noexcept;  // no worker now: switched off, refused by the system, or idle

void lock_workers() noexcept;  // fork
void unlock_workers() noexcept;
void workers_after_fork_in_child() noexcept;

}  // namespace graceslab::rcu
