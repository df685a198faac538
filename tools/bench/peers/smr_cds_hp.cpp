// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// libcds: hazard pointers, under its own hash map and queue, whose code walks by them.
#include <cds/container/michael_list_hp.h>
#include <cds/container/michael_set.h>
#include <cds/container/msqueue.h>
#include <cds/gc/hp.h>
#include <cds/init.h>

#include "hazards.hpp"
#include "smr_cds_member.hpp"
#include "smr_structures.hpp"

namespace {

using graceslab::bench::node;

struct scheme : graceslab::bench::counted {
  static void begin(const graceslab::bench::trial&) {
    cds::Initialize();
    new cds::gc::HP;  // lives as long as the process
  }
  using member = graceslab::bench::cds_member;
  struct outside {
    outside() {}
  };
  static void pass() {}
  static void settle() { cds::gc::HP::force_dispose(); }
  // The structures have nodes of their own.
  static node* get() { return nullptr; }
  static void retire(node*) {}
};

// Without them.
struct alone : scheme {
  using object = node;
  struct ended {
    void operator()(object* o) const { delete o; }
  };
  static object* get() { return new object; }
  static void retire(object* o) { cds::gc::HP::retire<ended>(o); }
  class hazard {
   public:
    object* protect(const std::atomic<object*>& src) { return guard_.protect(src); }
    void clear() { guard_.clear(); }

   private:
    cds::gc::HP::Guard guard_;
  };
};

struct by_key : cds::container::michael_list::traits {
  using less = std::less<std::uint64_t>;
};
struct by_remainder : cds::container::michael_set::traits {
  struct hash {
    std::size_t operator()(std::uint64_t key) const { return key; }
  };
};
using set = cds::container::MichaelHashSet<
    cds::gc::HP, cds::container::MichaelList<cds::gc::HP, std::uint64_t, by_key>, by_remainder>;

// 1024 buckets, as many as ours.
class map : set {
 public:
  map() : set(1024, 1) {}
  using set::contains;
  void insert(std::uint64_t key) { (void)set::insert(key); }
  void remove(std::uint64_t key) { (void)set::erase(key); }
};

class queue : cds::container::MSQueue<cds::gc::HP, std::uint64_t> {
 public:
  void push(std::uint64_t word) { (void)enqueue(word); }
  bool pop(std::uint64_t* word) { return dequeue(*word); }
};

}  // namespace

void graceslab_bench_peer(graceslab::bench::peer* into) {
  into->workloads["hazard_protect"] = graceslab::bench::play_protect<alone>;
  into->workloads["hazard_cycle"] = graceslab::bench::play_hazard_cycle<alone>;
  into->workloads["map"] = graceslab::bench::play_map<scheme, map>;
  into->workloads["queue"] = graceslab::bench::play_queue<scheme, queue>;
}
