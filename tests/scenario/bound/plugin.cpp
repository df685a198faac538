// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A plug-in whose code ends one object after a grace period, in every way there is.
#include <cstring>

#include "work.hpp"

namespace {

void end_item(rcu_head* head) {
  auto* i = reinterpret_cast<item*>(head);
  gs_fetch_add(i->ended, 1u);
  delete i;
}

struct own_counted : counted {
  using counted::counted;
};

struct own_node : node {
  explicit own_node(unsigned* n) : ended(n) {}
  ~own_node() override { gs_fetch_add(ended, 1u); }
  unsigned* ended;
};

void end_thing(thing* t) {
  gs_fetch_add(t->ended, 1u);
  delete t;
}

struct {
  const char* name;
  void (*start)(unsigned* ended);
} const works[] = {
    {"callback",
     [](unsigned* n) {
       post(new item{{}, n}, end_item);
     }},
    {"destructor",
     [](unsigned* n) {
       auto* all = make_cache<own_counted>();
       all->retire(all->make(n));
     }},
    {"virtual-destructor", [](unsigned* n) { drop(new own_node(n)); }},
    {"virtual-destructor-of-a-node", [](unsigned* n) { drop_alone(new own_node(n)); }},
    {"deleter-function", [](unsigned* n) { drop_by(new thing{n}, end_thing); }},
    {"deleter-with-state",
     [](unsigned* n) {
       graceslab::rcu_retire(new thing{n}, by_state{end_thing, {}});
     }},
};

}  // namespace

extern "C" __attribute__((visibility("default"))) bool start(const char* name, unsigned* ended) {
  for (const auto& work : works)
    if (std::strcmp(work.name, name) == 0) return work.start(ended), true;
  return false;
}
