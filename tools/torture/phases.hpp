// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The phases of a torture run. Each adds its workers to the session when it is made; its destructor
// takes apart what they used, once they have ended. All phases run at the same time.
#pragma once
#include <memory>
#include <vector>

#include "session.hpp"

namespace graceslab::torture {

class phase {
 public:
  phase() = default;
  virtual ~phase() = default;
  phase(const phase&) = delete;
  phase& operator=(const phase&) = delete;
};

// Readers and updaters of ageing elements in two domains; threads that come and go.
std::unique_ptr<phase> make_pipes(session& s);
// Callbacks and retired objects are posted by several threads, and every barrier must find all
// done.
std::unique_ptr<phase> make_barriers(session& s);
// Objects change hands at full speed while somebody seizes the arrays; then the counts must agree.
std::unique_ptr<phase> make_exchange(session& s);
// Caches are created, used and destroyed in every way.
std::unique_ptr<phase> make_churn(session& s);
// Look-ups in a type-safe cache, by reference count.
std::unique_ptr<phase> make_type_safe(session& s);
// The process forks now and then; the child must be able to go on.
std::unique_ptr<phase> make_forks(session& s);
// A module that leaves work behind is unloaded, over and over.
std::unique_ptr<phase> make_unloads(session& s);
// Processes exit in the middle of everything, under each policy.
std::unique_ptr<phase> make_exits(session& s);
// Handlers read.
std::unique_ptr<phase> make_signals(session& s);
// A reader whose announcement is late on its way to memory, against many short grace periods.
std::unique_ptr<phase> make_fences(session& s);
// Hazard pointers protect, are copied and moved; what is protected is alive, what waits is bounded,
// and caches end after their protectors.
std::unique_ptr<phase> make_hazards(session& s);
// Memory for arrays runs out now and then.
std::unique_ptr<phase> make_faults(session& s);

// Alone: memory follows the working set, case by case.
std::unique_ptr<phase> make_bounds(session& s);

}  // namespace graceslab::torture
