// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The host's threads: readers that never stop, updaters while there is a module to update.
//
// A module is used only through an RCU-protected pointer and only inside read-side sections, by
// updaters too. So once withdraw_module() has returned, nobody runs its code or holds one of its
// records. Readers go on in the host's own table, whose cache has nothing to do with the module.
#pragma once
#include <graceslab/kernel/slab.h>

#include <array>
#include <thread>
#include <vector>

#include "module/abi.hpp"

namespace graceslab::lab {

struct traffic_counts {
  std::uint64_t lookups = 0;       // in the module's table
  std::uint64_t updates = 0;       // of the module's table
  std::uint64_t host_lookups = 0;  // in the host's own table
  std::uint64_t wrong = 0;         // lookups that gave another range's answer, or a reused record
};

// The host's own small table of RCU-protected records.
class host_table {
 public:
  host_table();
  ~host_table();
  host_table(const host_table&) = delete;
  host_table& operator=(const host_table&) = delete;

  bool lookup(
      std::size_t i) const;     // inside a section; false when the record is not what it should be
  void replace(std::size_t i);  // one updater per i at a time

 private:
  struct record {
    std::uint64_t key;
    std::uint64_t check;
    rcu_head head;
  };
  static constexpr std::size_t slots = 1024;
  record* make(std::uint64_t key);

  kmem_cache* cache_;
  std::array<record*, slots> slot_{};
};

class traffic {
 public:
  traffic(const std::vector<range>& ranges, unsigned readers, unsigned updaters);
  ~traffic();
  traffic(const traffic&) = delete;
  traffic& operator=(const traffic&) = delete;

  void publish_module(const module_api* api);
  // Unpublishes it and waits until no thread is inside.
  void withdraw_module();
  traffic_counts counts() const;
  // CPU time that the readers have used.
  double reader_seconds();

 private:
  struct alignas(64) worker {
    traffic_counts counts;  // written by one thread, relaxed
    std::thread thread;
  };
  void read(worker& w, std::uint64_t seed);
  void update(worker& w, std::uint64_t seed, std::size_t share);
  void look_up_once(const module_api* api, worker& w, std::uint64_t random);
  bool stopping() const { return gs_load_acquire(&stop_) != 0; }

  const std::vector<range>& ranges_;
  host_table own_;
  const module_api* module_ = nullptr;  // RCU
  std::uint32_t stop_ = 0;
  std::vector<worker> readers_;
  std::vector<worker> updaters_;
};

}  // namespace graceslab::lab
