// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The patterns of red zones and poison, what of an object is not as it ought to be, and the report
// of it.
#pragma once
#include "slab/debug_owner.hpp"

namespace graceslab::slab {

// How an object ought to look. in_hand: somebody may be painting it, or it was given up.
enum class look { as_free, as_live, in_hand };

// Its red zone; of a live object it begins behind what was asked for.
void paint_zone(const cache& c, char* object, look as, std::uint32_t asked) noexcept;
void paint_free(const cache& c, char* object) noexcept;  // its zone, and poison

// What is wrong with one object, and all that a report says of it: it may be gone by then.
struct finding {
  static constexpr std::uint32_t window_bytes = 64;
  const char* object = nullptr;
  const char* broken = nullptr;  // its slab's records disagree, in words; else bytes do
  std::uint32_t asked = 0;       // of a live one
  std::uint32_t first = 0;       // offset of the first wrong byte
  std::uint32_t wrong = 0;       // bytes
  bool in_zone = false;
  std::uint32_t window_at = 0, window_n = 0;
  unsigned char found[window_bytes];
  std::int16_t expected[window_bytes];  // -1: anything
  owners who;
};
// False: nothing is. With slabs_lock, or by whoever has the object in hand.
bool find_damage(const cache& c, slab& s, std::uint32_t index, look as, finding* out) noexcept;
// The same of what the library knows of it, and unless it `was_counted` of its slab. Under
// slabs_lock.
bool find_disorder(const cache& c, slab& s, std::uint32_t index, bool was_counted,
                   finding* out) noexcept;
// `when` in words; `site` nullptr: nobody's code. Not under a lock: a handler may use the library.
void report_damage(const cache& c, const finding& f, const char* when, const void* site) noexcept;

void report_more_damage(const cache& c, unsigned more, const char* when) noexcept;

// Findings, reported when this ends: so many of them one by one.
class findings {
 public:
  findings(const cache& c, const char* when) noexcept : cache_(c), when_(when) {}
  ~findings() {
    for (unsigned i = 0; i != all_ && i != most; ++i)
      report_damage(cache_, one_[i], when_, nullptr);
    if (all_ > most) report_more_damage(cache_, all_ - most, when_);
  }
  findings(const findings&) = delete;
  findings& operator=(const findings&) = delete;
  finding* next() noexcept { return all_ < most ? &one_[all_] : &beyond_; }
  void keep() noexcept { ++all_; }  // what was written to next()
  unsigned count() const noexcept { return all_; }

 private:
  static constexpr unsigned most = 8;
  const cache& cache_;
  const char* when_;
  unsigned all_ = 0;
  finding one_[most], beyond_;
};

}  // namespace graceslab::slab
