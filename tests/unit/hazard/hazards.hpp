// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the tests of this folder share: objects that count their end, threads that protect one.
#pragma once
#include <graceslab/hazard_pointer.hpp>

#include "../rcu/observed.hpp"
#include "hazard/slots.hpp"

namespace hazards {

using namespace observed;

struct node;
struct tell {
  void operator()(node* n) const;
};
struct node : graceslab::hazard_pointer_obj_base<node, tell> {
  explicit node(std::atomic<long>* e) : ended(e) {}
  std::atomic<long>* ended;
};
inline void tell::operator()(node* n) const {
  ++*n->ended;
  delete n;
}

// A thread with hazard pointers that protect these until it is told to let go.
class protector {
 public:
  explicit protector(std::vector<node*> all)
      : thread_([this, all = std::move(all)] {
          std::vector<graceslab::hazard_pointer> h;
          for (node* n : all) {
            h.push_back(graceslab::make_hazard_pointer());
            h.back().reset_protection(n);
          }
          there_.open();
          leave_.pass();
        }) {
    there_.pass();
  }
  ~protector() { leave(); }
  void leave() {
    leave_.open();
    if (thread_.joinable()) thread_.join();
  }

 private:
  gate there_, leave_;
  std::thread thread_;
};

using graceslab::hazard::any;

inline unsigned slots_in_use() {
  unsigned n = 0;
  graceslab::hazard::for_each_slot([&n](const gs_hazard_slot& s) { n += s.in_use != 0; });
  return n;
}

}  // namespace hazards
