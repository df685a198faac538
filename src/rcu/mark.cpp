// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mark that a queued head carries, and the links of heads that are queued without memory.
//
// - State: gs_word[0] ^ mark(head):
//   - 1: queued in an array, or claimed and about to run;
//   - 0 or a head's address: linked, the next head of the chain.
// - Page: docs/ordering/callbacks.md, claim 2
#include "base/hash.hpp"
#include "os/clock.hpp"
#include "rcu/domain.hpp"

namespace graceslab::rcu {
namespace {

constexpr std::uintptr_t queued = 1;
constexpr unsigned user_address_bits = 56;  // at most, on the machines that we know

std::uintptr_t secret_word;

std::uintptr_t secret() noexcept {
  std::uintptr_t known = gs_load_relaxed(&secret_word);
  if (GS_LIKELY(known != 0)) return known;
  const std::uintptr_t fresh =
      base::mix(os::now_ns() ^ reinterpret_cast<std::uintptr_t>(&known)) | 1;
  return gs_compare_exchange(&secret_word, &known, fresh) ? fresh : known;
}

std::uintptr_t mark(const rcu_head* head) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(head);
  return (address << 23 | address >> (64 - 23)) ^ secret();
}

std::uintptr_t decoded(const rcu_head* head) noexcept {
  return gs_load_relaxed(&head->gs_word[0]) ^ mark(head);
}

bool could_be_link(std::uintptr_t value) noexcept {
  return value % alignof(rcu_head) == 0 && value >> user_address_bits == 0;
}

bool in_chain(const batch& b, const rcu_head* wanted) noexcept {
  for (const rcu_head* head = b.chain_first; head; head = linked_next(head))
    if (head == wanted) return true;
  return false;
}

}  // namespace

bool is_linked(const rcu_head* head) noexcept {
  if (!could_be_link(decoded(head))) return false;
  for (gs_domain* d = first_domain(); d; d = next_domain(d))
    for (shard& s : d->shards) {
      sync::lock_guard guard(s.lock);
      for (const batch& b : s.reserve)
        if (b.in_list && in_chain(b, head)) return true;
    }
  return false;
}

bool mark_queued(rcu_head* head) noexcept {
  const std::uintptr_t wanted = mark(head) ^ queued;
  std::uintptr_t word = gs_load_relaxed(&head->gs_word[0]);
  for (;;) {
    if (word == wanted) return false;
    if (is_linked(head)) return false;
    // ORDER callbacks.mark <-> callbacks.unmark   (docs/ordering/callbacks.md, claim 2)
    if (gs_compare_exchange(&head->gs_word[0], &word, wanted)) return true;
  }
}

void unmark(rcu_head* head) noexcept {
  // ORDER callbacks.unmark <-> callbacks.mark   (docs/ordering/callbacks.md, claim 2)
  gs_store_release(&head->gs_word[0], std::uintptr_t{0});
}

void link_head(rcu_head* head, rcu_callback_t func) noexcept {
  gs_store_relaxed(&head->gs_word[0], mark(head));
  head->gs_word[1] = reinterpret_cast<std::uintptr_t>(func);
}

void link_after(rcu_head* last, rcu_head* next) noexcept {
  gs_store_relaxed(&last->gs_word[0], mark(last) ^ reinterpret_cast<std::uintptr_t>(next));
}

void mark_unlinked(rcu_head* head) noexcept {
  gs_store_relaxed(&head->gs_word[0], mark(head) ^ queued);
}

rcu_head* linked_next(const rcu_head* head) noexcept {
  return reinterpret_cast<rcu_head*>(decoded(head));
}

rcu_callback_t linked_func(const rcu_head* head) noexcept {
  return reinterpret_cast<rcu_callback_t>(head->gs_word[1]);
}

}  // namespace graceslab::rcu
