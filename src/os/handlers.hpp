// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The exit handlers that we give to the C library, which takes a lock of its own for each.
//
// - Fork: a child forgets that a thread of the parent had that lock; every exit there would wait
//   for it, and every new handler. So a fork waits for those who add one.
// - Signals: a handler that calls exit() in between would find the lock held by itself. None comes.
// Page: docs/ordering/os.md, claim 8
#pragma once

namespace graceslab::os {

// Run by exit() alone. False: the C library refused.
bool add_exit_handler(void (*run)(int status, void* arg)) noexcept;
// Run before the object with that handle is unmapped, and by exit(). False: as above.
bool add_unload_handler(void* dso, void (*run)(void* dso)) noexcept;

}  // namespace graceslab::os
