// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Objects whose constructor runs, or did not return: construct.hpp.
#pragma once
#include "slab/cache.hpp"
#include "sync/overdue.hpp"

namespace graceslab::slab {

// In metadata, not on the stack of the thread that runs the constructor: it may end in there.
struct birth {
  birth* next;   // of the cache's, under slabs_lock
  birth* outer;  // of this thread's: a constructor may make objects of another cache
  cache* owner;
  birth** runner;  // whose thread runs it; nullptr: left behind
  std::uint32_t capacity;
  std::uint32_t n;
  std::uint32_t done;  // constructed ones come first; atomic, written by the runner
  // Of the invocation that is under way, under slabs_lock.
  std::uint32_t tid;
  std::uint32_t looked_at;  // the object that `clock` is about
  sync::overdue_clock clock;
  // The objects follow.
};

}  // namespace graceslab::slab
