// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What an allocation does when memory ran out: it asks all caches for what they hold and tries once
// more (GFP_NOWAIT and GFP_ATOMIC: if that brought anything; only the others wait for retired
// memory before), and with __GFP_NOFAIL it goes on trying, at growing intervals.
//
// - Context: no lock is held. Retired memory is waited for only outside sections and callbacks, and
//   no destructor runs on this thread: the caller may hold a lock that one takes.
#pragma once
#include "slab/cache.hpp"
#include "slab/charge.hpp"

namespace graceslab::slab {

class patience {
 public:
  patience(const char* operation, std::size_t bytes, unsigned gfp, const void* site) noexcept
      : operation_(operation), bytes_(bytes), gfp_(gfp), site_(site) {}
  // False: give up. `c` is where the memory was asked for; nullptr: it could not even be made.
  bool once_more(cache* c) noexcept;
  // A request that no waiting helps. Returns nullptr, and says why when told not to fail.
  void* never(const char* why) const noexcept;

 private:
  bool persists() const noexcept;
  bool give_up(const cache* c) const noexcept;  // returns false
  void report_limited(const cache* c) const noexcept;
  void report_long_wait(const cache* c) noexcept;

  const char* operation_;
  std::size_t bytes_;
  unsigned gfp_;
  const void* site_;
  unsigned attempts_ = 0;
  std::uint64_t nap_us_ = 0;  // the next one
  bool reported_ = false;
  refusal refusal_;  // the last one, where a memory limit is the reason
};

// NULL is the answer: where a limit of the process is the reason, says so, once until one is raised
// or lowered.
void report_limit(const char* operation, std::size_t bytes, const char* where) noexcept;

}  // namespace graceslab::slab
