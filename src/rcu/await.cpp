// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/grace-period.md, claims 14 and 15
#include "rcu/await.hpp"

#include "os/clock.hpp"
#include "os/futex.hpp"
#include "os/thread.hpp"

namespace graceslab::rcu {
namespace {

// Looks before the first sleep. A reader on another core is gone by then if its section takes a few
// us; to be woken costs ten.
constexpr unsigned looks_normal = 30, looks_expedited = 200;
// A follower's: while two threads run, each heavy fence interrupts the other.
constexpr unsigned glances = 5;
constexpr std::uint64_t nap_min_us = 50, nap_blind_us = 1000, nap_most_us = 10'000;

// With one core the reader does not run while we look.
unsigned looks_before_sleep(effort e) noexcept {
  if (os::cores_online() == 1) return 0;
  return e == effort::expedited ? looks_expedited : looks_normal;
}

void pause() noexcept {
  for (int i = 0; i < 4; ++i) gs_cpu_relax();
}

constexpr std::uint32_t number(lead_state l) noexcept { return static_cast<std::uint32_t>(l); }

lead_state led(const gs_domain* d) noexcept {
  return static_cast<lead_state>(gs_load_relaxed(&d->waiters.led));
}

void set_led(gs_domain* d, lead_state l) noexcept { gs_store_release(&d->waiters.led, number(l)); }

// To lead gives no right; it only says who sleeps where.
bool take_lead(gs_domain* d) noexcept {
  std::uint32_t nobody = number(lead_state::none);
  return led(d) == lead_state::none &&
         gs_compare_exchange(&d->waiters.led, &nobody, number(lead_state::looks));
}

// The word of a section in the way whose end wakes whoever sleeps on it.
struct asked {
  std::uint64_t* word = nullptr;
  std::uint64_t value = 0;
};

// Only of one level: the word of a deeper one has no room for the mark.
asked ask(reader_slot& slot, std::uint64_t cookie) noexcept {
  std::uint64_t* at = &slot.reader.word;
  std::uint64_t word = gs_load_relaxed(at);
  if (nesting_of(word) == 0 || !began_before(word, cookie)) return {};
  if (is_awaited(word)) return {at, word};
  // The thread itself stores without looking: the mark may be lost at once.
  if (nesting_of(word) != 1 || !gs_compare_exchange(at, &word, awaited(word))) return {};
  return {at, awaited(word)};
}

// Marks all that are in the way of this cookie, and returns one of them.
asked ask_readers(gs_domain* d, std::uint64_t cookie) noexcept {
  asked found;
  if (!d->gp_lock.try_lock()) return found;
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next)
    for (std::uint64_t left = c->busy; left != 0; left &= left - 1)
      if (const asked a = ask(c->slot[__builtin_ctzll(left)], cookie); a.word) found = a;
  d->gp_lock.unlock();
  return found;
}

void want(gs_domain* d, std::uint64_t cookie) noexcept {
  std::uint64_t known = gs_load_relaxed(&d->waiters.wanted);
  while (known < cookie && !gs_compare_exchange(&d->waiters.wanted, &known, cookie)) {
  }
}

sync::event& ended(gs_domain* d, std::uint64_t cookie) noexcept {
  return d->waiters.ended[cookie & 1];
}

}  // namespace

await::await(gs_domain* d, std::uint64_t cookie, effort e) noexcept
    : domain_(d), cookie_(cookie), spins_(looks_before_sleep(e)), nap_us_(nap_min_us) {}

await::~await() {
  if (!leads_) return;
  set_led(domain_, lead_state::none);
  tell_waiters(domain_, gs_load_relaxed(&domain_->completed));
}

bool await::step() noexcept {
  if (!leads_) leads_ = take_lead(domain_);
  return leads_ ? lead() : follow();
}

void await::note_nap(std::uint64_t began_ns, std::uint64_t longest_us) noexcept {
  wait_.check(nap_us_, began_ns);
  patient_ = os::now_ns() - began_ns >= nap_us_ * 1000;
  if (patient_) nap_us_ += nap_us_ / 2;
  if (nap_us_ > longest_us) nap_us_ = longest_us;
}

bool await::lead() noexcept {
  for (unsigned i = patient_ ? spins_ : 0;; ++i) {
    if (try_advance(domain_, cookie_)) return true;
    if (i >= spins_) break;
    pause();
  }
  // ORDER await.rest <-> await.want   (docs/ordering/grace-period.md, claim 15)
  // Nobody's grace period begins later because ours takes its time: followers start theirs when we
  // sleep, and we those of whoever came before.
  set_led(domain_, lead_state::sleeps);
  gs_full_fence();
  start_poll(domain_, gs_load_relaxed(&domain_->waiters.wanted));
  const asked reader = ask_readers(domain_, cookie_);
  // ORDER await.sleep <-> reader.wake   (docs/ordering/grace-period.md, claim 14)
  // The kernel compares the word: a section that ended since we marked it ends the sleep before it
  // begins.
  if (try_advance(domain_, cookie_)) return true;
  const std::uint64_t began_ns = os::now_ns();
  if (reader.word)
    os::futex_nap_us(reader.word, reader.value, nap_us_);
  else
    os::sleep_us(nap_us_);
  note_nap(began_ns, reader.word ? nap_most_us : nap_blind_us);
  set_led(domain_, lead_state::looks);
  return false;
}

bool await::follow() noexcept {
  for (unsigned i = 0; i < glances; ++i) {
    if (done(domain_, cookie_)) return true;
    pause();
  }
  sync::event& mine = ended(domain_, cookie_);
  const std::uint32_t ticket = mine.ticket();
  const std::uint32_t looks = gs_load_relaxed(&domain_->waiters.looks);
  // ORDER await.want <-> await.tell, await.rest   (docs/ordering/grace-period.md, claim 15)
  // We say what we wait for, then look whether it is done and whether somebody leads; the others do
  // both, then look who waits.
  want(domain_, cookie_);
  gs_full_fence();
  if (done(domain_, cookie_)) return true;
  const lead_state other = led(domain_);
  if (other == lead_state::none) return false;
  if (other == lead_state::sleeps && start_poll(domain_, cookie_)) return true;
  const std::uint64_t began_ns = os::now_ns();
  mine.nap(ticket, nap_us_);
  if (done(domain_, cookie_)) {
    if (mine.has_waiters()) mine.notify_one();  // whoever ended it woke one of us
    return true;
  }
  const bool alive = gs_load_relaxed(&domain_->waiters.looks) != looks;
  note_nap(began_ns, alive ? nap_most_us : nap_blind_us);
  return !alive && patient_ && try_advance(domain_, cookie_);
}

void tell_waiters(gs_domain* d, std::uint64_t before) noexcept {
  // ORDER await.tell <-> await.want   (docs/ordering/grace-period.md, claim 15)
  gs_full_fence();
  const std::uint64_t wanted = gs_load_relaxed(&d->waiters.wanted);
  if (GS_LIKELY(wanted <= before)) return;
  const std::uint64_t now = gs_load_relaxed(&d->completed);
  if (now > before + 1 || wanted > now + 1) {
    for (sync::event& e : d->waiters.ended) e.notify_all();
    return;
  }
  if (now != before) ended(d, now).notify_one();
  if (wanted > now && led(d) == lead_state::none) ended(d, wanted).notify_one();
}

void waiters_after_fork_in_child(gs_domain* d) noexcept {
  set_led(d, lead_state::none);
  for (sync::event& e : d->waiters.ended) e.reset_in_child();
}

}  // namespace graceslab::rcu
