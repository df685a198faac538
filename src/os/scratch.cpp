// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/scratch.hpp"

#include "os/midway.hpp"
#include "os/sanitizer.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

struct buffer {
  word_lock lock;  // never waited for
  char text[scratch::most_bytes];
};
constexpr int buffers = 16;
constinit buffer pool[buffers] = {};  // a thread may report before main

}  // namespace

scratch::scratch() noexcept {
  bytes_ = sizeof few_;
  text_ = few_;
  for (int i = 0; i != buffers && taken_ < 0; ++i) {
    if (!pool[i].lock.try_lock()) continue;
    leave_midway();  // nobody waits for it, and handlers of reports run under it
    take_over(&pool[i]);
    taken_ = i;
    bytes_ = most_bytes;
    text_ = pool[i].text;
  }
  text_[0] = '\0';
}

scratch::~scratch() {
  if (taken_ < 0) return;
  enter_midway();
  hand_over(&pool[taken_]);
  pool[taken_].lock.unlock();
}

}  // namespace graceslab::os
