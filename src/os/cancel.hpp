// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Runs a stretch of code with the thread's cancellation off: a callback that a barrier runs for
// somebody else must not take the barrier's thread, and the library's records on its stack, with
// it.
#pragma once

namespace graceslab::os {

class cancel_off {
 public:
  cancel_off() noexcept;
  ~cancel_off();
  cancel_off(const cancel_off&) = delete;
  cancel_off& operator=(const cancel_off&) = delete;

 private:
  int before_;
};

}  // namespace graceslab::os
