// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Small caches of the host, given up and ended as an approach has it, and readers that stay.
#pragma once
#include <graceslab/kernel/slab.h>

#include <chrono>
#include <semaphore>
#include <thread>

#include "module/abi.hpp"

namespace graceslab::lab {

// A cache that made `objects` objects and gave all of them up, in the way of the approach.
class small_cache {
 public:
  small_cache(approach a, unsigned objects);  // throws std::runtime_error: no memory
  small_cache(const small_cache&) = delete;
  small_cache& operator=(const small_cache&) = delete;
  // Once. How long it held its caller, in microseconds.
  double end();

 private:
  approach approach_;
  kmem_cache* cache_;
};

// Waits until nothing is in flight and no cache lingers.
void settle_caches();

// A thread inside a read-side section, from the constructor's end until told, or destroyed.
class parked_reader {
 public:
  parked_reader();
  ~parked_reader();
  parked_reader(const parked_reader&) = delete;
  parked_reader& operator=(const parked_reader&) = delete;
  void leave() { go_.release(); }
  // Without waiting for it.
  void leave_after(std::chrono::milliseconds time);

 private:
  void sit();
  std::binary_semaphore in_{0};
  std::counting_semaphore<4> go_{0};
  std::binary_semaphore timed_{0};
  std::chrono::milliseconds time_{0};
  std::thread thread_;
};

}  // namespace graceslab::lab
