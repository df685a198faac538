// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The pipe: an element that was replaced grows older by one with every grace period. So a reader
// that found it published sees age 0, or 1 when it was replaced since, and never 2.
//
// Every pipe has a domain, a cache in that domain and a current element. How a grace period is
// waited for is drawn anew for each replacement; some elements never age but are retired, and then
// the next owner of their memory writes over it.
#pragma once
#include <graceslab/cache.hpp>

#include "session.hpp"

namespace graceslab::torture {

class pipe;

struct element {
  rcu_head head;  // first: callbacks get this address
  pipe* home;
  element* next;
  std::uint64_t serial;  // of this life of the memory
  std::uint32_t age;
  std::uint32_t posted;      // its callback chain hurries
  std::uint64_t payload[4];  // plain memory: what a race detector watches
};

class pipe {
 public:
  pipe(const char* name, rcu_domain& domain);
  ~pipe();
  pipe(const pipe&) = delete;
  pipe& operator=(const pipe&) = delete;

  element* make();
  void take_apart(element* e);
  void grow_older(element* e);  // in a callback: and again, until the last age
  void post(element* e);

  const char* const name;
  rcu_domain& domain;
  cache<element> elements;
  rcu_pointer<element> current;
  std::uint32_t in_callbacks = 0;  // atomic: elements that wait for their next callback
};

// A reader's view of the current element: everything must stay as found until the section ends.
class sighting {
 public:
  explicit sighting(const pipe& p);
  void check(worker& w) const;

 private:
  const pipe& pipe_;
  const element* element_;
  std::uint64_t serial_;
};

// An updater's elements that age together, at each wait, and what it waits in.
struct aging {
  pipe& on;
  element* first = nullptr;
};
void replace(worker& w, aging& a);  // one round of an updater
void age_to_end(aging& a);
void read(worker& w, pipe& outer, pipe& inner);  // one round of a reader

}  // namespace graceslab::torture
