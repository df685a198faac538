// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The fence of a grace period, in a bad light: a reader whose announcement is late on its way to
// memory, since stores that miss every cache stand before it, against an updater that does nothing
// but unlink and wait. Without a fence on the reader's behalf the scan does not see the section.
#include <graceslab/detail/atomic.h>
#include <graceslab/kernel/rcupdate.h>

#include <array>

#include "phases.hpp"
#include "slow_stores.hpp"

namespace graceslab::torture {
namespace {

class fences_phase : public phase {
 public:
  explicit fences_phase(session& s) {
    s.add_worker("late reader", [this](worker& w) { return read(w); });
    s.add_worker("unlinker", [this](worker& w) { return unlink(w); });
  }

 private:
  static constexpr unsigned looks = 100, sections = 500, unlinks = 200;

  struct element {
    std::uint32_t gone;  // atomic: it may be given back
  };

  bool read(worker& w) {
    w.doing("entering sections behind slow stores");
    std::uint64_t too_late = 0;
    for (unsigned i = 0; i != sections; ++i) {
      delay_stores_();
      rcu_read_lock();
      const element* e = rcu_dereference(current_);
      for (unsigned k = 0; k != looks; ++k) {
        too_late += gs_load_relaxed(&e->gone);
        gs_cpu_relax();
      }
      rcu_read_unlock();
    }
    w.count("sections behind slow stores", sections);
    if (too_late != 0)
      w.all.fail(trouble::early, "a section was not seen by a grace period: {} late looks",
                 too_late);
    return w.all.more(w);
  }

  // The elements take turns; a grace period lies before each is used again.
  bool unlink(worker& w) {
    w.doing("unlinking and waiting");
    for (unsigned i = 0; i != unlinks; ++i) {
      next_ = (next_ + 1) % elements_.size();
      element* fresh = &elements_[next_];
      gs_store_relaxed(&fresh->gone, 0u);
      element* old = gs_exchange(&current_, fresh);
      synchronize_rcu_expedited();
      gs_store_relaxed(&old->gone, 1u);
    }
    return w.all.more(w);
  }

  slow_stores delay_stores_;  // the reader's
  std::array<element, 8> elements_{};
  std::size_t next_ = 0;  // the unlinker's
  element* current_ = &elements_[0];
};

}  // namespace

std::unique_ptr<phase> make_fences(session& s) { return std::make_unique<fences_phase>(s); }

}  // namespace graceslab::torture
