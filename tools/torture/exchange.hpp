// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A table through which objects of one cache pass from thread to thread, and our own count of them.
#pragma once
#include <graceslab/stats.hpp>

#include "session.hpp"

namespace graceslab::torture {

struct item {
  std::uint64_t token;
  std::uint64_t check[5];  // derived from address and token
  rcu_head head;
};

class exchange {
 public:
  explicit exchange(const char* name);
  ~exchange();  // nobody else works in it any more
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;

  // A new object goes into a slot; the one that was there is checked and then freed, retired, or
  // left to a callback.
  void swap(worker& w, random_source& random);
  // The same objects up and down as fast as can be: a thread that loses its core is then most
  // likely in the middle of a pop or push.
  void juggle(worker& w, unsigned times);
  // Nobody swaps meanwhile: waits for what is in flight, and compares the library's counts with
  // ours.
  void compare_counts(worker& w, const char* place);

  cache<item> items;

 private:
  static constexpr unsigned slots = 256;
  static void come_home(rcu_head* head);
  void let_go(worker& w, item* old, unsigned how);

  item* slot_[slots] = {};
  std::uint64_t made_ = 0;  // these four: atomic
  std::uint64_t released_ = 0;
  std::uint64_t retired_ = 0;
  std::uint64_t tokens_ = 0;
};

}  // namespace graceslab::torture
