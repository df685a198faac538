// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What one case of the torture of bounds is played on: where its objects come from, what the
// process holds, and the threads that a load has. All that this needs itself is there, and touched,
// before the first object.
#pragma once
#include <graceslab/kernel/slab.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "bounds_case.hpp"

namespace graceslab::torture {

inline constexpr std::uint64_t kib = 1024, mib = 1024 * kib;
inline constexpr std::uint64_t bounds_working_set = 24 * mib;
inline constexpr std::uint64_t bounds_light_use = 400 * kib;

// Says what is wrong, and ends the process with status 1.
[[noreturn]] void bounds_broken(const std::string& why);
// Of this process's anonymous memory: resident bytes.
std::uint64_t resident_now();

// Objects of one kind. Each is touched in all its pages.
class source {
 public:
  explicit source(const bounds_case& c) : case_(c) {}
  void open();
  void* take(std::size_t i);
  void give(void* object, std::size_t i);
  std::uint64_t bytes_of(std::size_t i) const;  // that the i-th object takes
  std::uint64_t bytes_of_first(std::size_t n) const;
  std::size_t count_for(std::uint64_t bytes) const;  // how many take so many
  unsigned caches() const;                           // that these lie in
  void use_many_once();                              // caches; of kmalloc, sizes
  unsigned used_once() const { return used_once_; }

 private:
  kmem_cache* create(const char* name, std::size_t bytes) const;
  void use_once(unsigned number);

  bounds_case case_;
  kmem_cache* cache_ = nullptr;
  std::uint64_t stride_ = 0;
  unsigned used_once_ = 0;
};

class ground {
 public:
  explicit ground(const bounds_case& c);
  void begin();  // everything else is there

  // Of `objects`, which may be given back in another order than they were taken.
  void take(std::size_t first, std::size_t end);
  void give(std::size_t first, std::size_t end);
  void shuffle();
  std::size_t size() const { return objects_.size(); }
  void use_lightly();

  // Producer and consumer: the place that the n-th object takes on its way.
  void*& on_the_way(std::size_t n) { return objects_[n % objects_.size()]; }

  // What may be held while `bytes` are the most that was in use lately.
  std::uint64_t bound(std::uint64_t bytes) const;
  std::uint64_t held() const;  // more than before the first object
  // With `bytes` in use. Empty: the statistics say what there is.
  std::string untrue_statistics(std::uint64_t bytes) const;
  std::uint64_t light_bytes() const { return from.bytes_of_first(light_.size()); }

  bounds_case played;
  source from;
  std::uint64_t peak = 0;  // held
  std::atomic<std::size_t> produced{0}, consumed{0};

 private:
  std::vector<void*> objects_, light_;
  std::uint64_t before_ = 0;  // resident
  std::minstd_rand random_;
};

struct load {
  unsigned threads;  // that play a part
  void (*work)(ground& g);
  void (*part)(ground& g, unsigned number);
  bool used_after;  // lightly
};
const load& load_of(unsigned number);

}  // namespace graceslab::torture
