// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a host and its plug-in both include: inline functions and classes, of which the linker
// keeps the host's copies for both when the host exports its symbols.
#pragma once
#include <graceslab/cache.hpp>

struct item {
  rcu_head head;  // first
  unsigned* ended;
};
inline void post(item* i, rcu_callback_t how) {
  gs_call_rcu(nullptr, &i->head, how, gs_this_module());
}

struct counted {
  explicit counted(unsigned* n) : ended(n) {}
  ~counted() { gs_fetch_add(ended, 1u); }
  unsigned* ended;
};
template <class T>
graceslab::cache<T>* make_cache() {
  return new graceslab::cache<T>("bound");
}

struct node : graceslab::rcu_obj_base<node> {
  virtual ~node() {}
};
inline void drop(node* n) { n->retire(); }
inline void drop_alone(node* n) { graceslab::rcu_retire(n); }

struct thing {
  unsigned* ended;
};
inline void drop_by(thing* t, void (*how)(thing*)) { graceslab::rcu_retire(t, how); }
struct by_state {
  void (*how)(thing*);
  unsigned padding[4];
  void operator()(thing* t) const { how(t); }
};
