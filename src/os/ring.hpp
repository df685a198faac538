// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A ring of records that any thread writes and any thread reads, without locks. Lives in memory
// that began as zeros.
//
// - Stamp of a slot: 0, never written; odd, somebody writes; 2n + 2, holds record number n.
// - Page: docs/ordering/trace.md
#pragma once
#include <graceslab/detail/atomic.h>

#include <cstdint>

namespace graceslab::os {

template <unsigned words>
struct ring_record {
  std::uint64_t word[words];
};

template <unsigned words>
class ring {
 public:
  struct slot {
    std::uint64_t stamp;
    std::uint64_t word[words];
  };

  // `slots` is a power of two.
  ring(std::uint64_t* head, slot* first, std::uint64_t slots) noexcept
      : head_(head), first_(first), slots_(slots) {}

  std::uint64_t end() const noexcept { return gs_load_relaxed(head_); }  // number of the next one
  std::uint64_t slots() const noexcept { return slots_; }

  // Lost where another writer is still in the slot, or a later one was there.
  void put(const ring_record<words>& r) noexcept {
    const std::uint64_t n = gs_fetch_add_relaxed(head_, std::uint64_t{1});
    slot& s = first_[n & (slots_ - 1)];
    std::uint64_t stamp = gs_load_relaxed(&s.stamp);
    if ((stamp & 1) != 0 || stamp > 2 * n) return;
    // ORDER trace.take <-> trace.give   (docs/ordering/trace.md, claim 1)
    if (!gs_compare_exchange(&s.stamp, &stamp, 2 * n + 1)) return;
    write_words(s, r);
    // ORDER trace.give <-> trace.look, trace.take   (docs/ordering/trace.md, claim 3)
    gs_store_release(&s.stamp, 2 * n + 2);
  }

  // False: it is not there, or not any more.
  bool get(std::uint64_t n, ring_record<words>* out) const noexcept {
    const slot& s = first_[n & (slots_ - 1)];
    // ORDER trace.look <-> trace.give   (docs/ordering/trace.md, claim 3)
    if (gs_load_acquire(&s.stamp) != 2 * n + 2) return false;
    read_words(s, out);
    return gs_load_relaxed(&s.stamp) == 2 * n + 2;
  }

 private:
  static void write_words(slot& s, const ring_record<words>& r) noexcept {
    // ORDER trace.word <-> trace.read   (docs/ordering/trace.md, claim 2)
    for (unsigned i = 0; i != words; ++i) gs_store_release(&s.word[i], r.word[i]);
  }
  static void read_words(const slot& s, ring_record<words>* out) noexcept {
    // ORDER trace.read <-> trace.word   (docs/ordering/trace.md, claim 2)
    for (unsigned i = 0; i != words; ++i) out->word[i] = gs_load_acquire(&s.word[i]);
  }

  std::uint64_t* head_;
  slot* first_;
  std::uint64_t slots_;
};

}  // namespace graceslab::os
