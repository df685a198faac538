// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A reader that holds grace periods back for too long is named, never worked around.
//
// - Clock: runs while a grace period is pending; restarts when the watermark moves, so ages are
//   "at least".
// - Context: called by whoever waits or works in the background; reports hold no lock.
#include <cstdarg>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/event.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/sight.hpp"

namespace graceslab::rcu {
namespace {

constexpr unsigned named_max = 8;

struct blocker {
  std::uint32_t tid;
  std::uint32_t nesting;
};

struct blockers {
  unsigned count = 0;  // all of them; the first named_max are listed
  blocker listed[named_max] = {};
  std::uint64_t overflow = 0;  // sections that are only counted
  std::uint64_t tokens = 0;
  std::uint64_t age_ms = 0;

  bool any() const noexcept { return count != 0 || overflow != 0 || tokens != 0; }
};

// A thread that died without running its exit hook: nobody will ever leave that section.
bool end_dead_section(reader_slot& slot, std::uint64_t word) noexcept {
  const std::uint32_t tid = gs_load_relaxed(&slot.tid);
  if (os::thread_alive(tid)) return false;
  if (!gs_compare_exchange(&slot.reader.word, &word, std::uint64_t{0})) return false;
  return true;
}

// Under gp_lock.
void collect(gs_domain* d, bool end_dead, blockers* found, std::uint32_t* ended) noexcept {
  for (reader_chunk* c = gs_load_acquire(&d->chunks); c; c = c->next) {
    for (std::uint64_t left = c->busy; left != 0; left &= left - 1) {
      reader_slot& slot = c->slot[__builtin_ctzll(left)];
      const std::uint64_t word = gs_load_acquire(&slot.reader.word);
      if (nesting_of(word) == 0 || age_of(word, newest(d)) == 0) continue;
      if (end_dead && end_dead_section(slot, word)) {
        *ended = gs_load_relaxed(&slot.tid);
        continue;
      }
      if (found->count < named_max)
        found->listed[found->count] = {gs_load_relaxed(&slot.tid),
                                       levels_of(word, gs_load_relaxed(&slot.extra))};
      ++found->count;
    }
  }
  for (unsigned i = 0; i != overflow_counts::counters; ++i)
    if ((d->overflow.of_all.unseen >> i & 1) != 0)
      (i < overflow_counts::tokens ? found->overflow : found->tokens) +=
          sections_in(gs_load_relaxed(&d->overflow.count[i]));
  found->age_ms = os::now_ms() - d->stall.since_ms;
}

void describe(const blocker& b, std::uint64_t age_ms, base::writer& out) noexcept {
  char name[32];
  os::thread_name(b.tid, name, sizeof name);
  out.add("thread %u (%s), nesting %u, for at least %llu ms", b.tid, name, b.nesting,
          static_cast<unsigned long long>(age_ms));
}

void describe_counted(std::uint64_t sections, const char* what, std::uint64_t age_ms,
                      base::writer& out) noexcept {
  out.add("%llu section%s %s, for at least %llu ms", static_cast<unsigned long long>(sections),
          base::plural(sections), what, static_cast<unsigned long long>(age_ms));
}

void report_stall(gs_domain* d, const blockers& found) noexcept {
  os::event::stall(d->id, found.listed[0].tid, found.age_ms, d->name);
  static constexpr std::size_t text_bytes = 3500;
  char text[text_bytes];
  base::writer out(text, sizeof text);
  const unsigned listed = found.count < named_max ? found.count : named_max;
  for (unsigned i = 0; i < listed; ++i) {
    out.add("\n  ");
    describe(found.listed[i], found.age_ms, out);
    char lines[1200];
    if (found.listed[i].tid != os::tid() &&
        os::describe_thread(found.listed[i].tid, lines, sizeof lines) != 0)
      out.add("%s", lines);
  }
  if (found.count > listed) out.add("\n  and %u more threads", found.count - listed);
  if (found.overflow) {
    out.add("\n  ");
    describe_counted(found.overflow, "without a slot (memory ran out)", found.age_ms, out);
  }
  if (found.tokens) {
    out.add("\n  ");
    describe_counted(found.tokens, "of tokens, in whatever thread", found.age_ms, out);
  }
  os::report(GS_REPORT_STALL,
             "domain '%s': a grace period has been held back for at least %llu ms by%s",
             domain_name(d), static_cast<unsigned long long>(found.age_ms), text);
}

// 1x, then every 3x.
void set_next(gs_domain* d, std::uint64_t now) noexcept {
  const std::uint64_t limit = gs_load_relaxed(&os::settings.stall_ms);
  const std::uint64_t age = now - d->stall.since_ms;
  const std::uint64_t third = limit ? 3 * limit : 3;
  gs_store_relaxed(&d->stall.due_ms, d->stall.since_ms + (age / third + 1) * third);
}

}  // namespace

void restart_stall_clock(gs_domain* d, bool pending, std::uint64_t now) noexcept {
  d->stall.since_ms = now;
  gs_store_relaxed(&d->stall.due_ms,
                   pending ? now + gs_load_relaxed(&os::settings.stall_ms) : never_ms);
}

void note_progress(gs_domain* d) noexcept {
  const bool pending = d->completed < newest(d);
  if (!pending && d->stall.due_ms == never_ms) return;
  restart_stall_clock(d, pending, pending ? os::now_ms() : 0);
}

void check_stall(gs_domain* d) noexcept {
  const std::uint64_t now = os::now_ms();
  if (now < gs_load_relaxed(&d->stall.due_ms)) return;
  blockers found;
  std::uint32_t ended = 0;
  {
    if (!d->gp_lock.try_lock()) return;
    const bool due = d->completed < newest(d) && now >= d->stall.due_ms;
    if (due) {
      collect(d, true, &found, &ended);
      set_next(d, now);
      if (found.any()) gs_store_relaxed(&d->stall.reports, d->stall.reports + 1);
    }
    d->gp_lock.unlock();
    if (!due) return;
  }
  if (ended)
    os::report(GS_REPORT_THREAD_ENDED_IN_READER,
               "thread %u ended inside a read-side section of domain '%s' without a trace; the "
               "section was ended",
               ended, domain_name(d));
  if (found.any()) report_stall(d, found);
}

bool sight_oldest(gs_domain* d, section_sight* out) noexcept {
  *out = {};
  blockers found;
  if (!d->gp_lock.try_lock()) return false;
  if (d->completed != newest(d)) collect(d, false, &found, nullptr);
  d->gp_lock.unlock();
  if (found.count != 0) {
    out->tid = found.listed[0].tid;
    out->nesting = found.listed[0].nesting;
  }
  out->overflow = found.overflow + found.tokens;
  if (found.any()) out->age_ms = found.age_ms;
  return true;
}

std::size_t describe_blocker(gs_domain* d, char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  blockers found;
  {
    sync::lock_guard guard(d->gp_lock);
    if (d->completed == newest(d)) return 0;
    collect(d, false, &found, nullptr);
  }
  if (found.count)
    describe(found.listed[0], found.age_ms, out);
  else if (found.overflow)
    describe_counted(found.overflow, "without a slot", found.age_ms, out);
  else if (found.tokens)
    describe_counted(found.tokens, "of tokens", found.age_ms, out);
  return out.written();
}

void report_here(gs_report kind, const char* format, ...) noexcept {
  char text[600];
  char lines[2400];
  base::writer out(text, sizeof text);
  va_list arguments;
  va_start(arguments, format);
  out.add_list(format, arguments);
  va_end(arguments);
  lines[0] = '\0';
  os::describe_stack(os::capture_stack(1), lines, sizeof lines);
  os::report(kind, "%s%s", text, lines);
}

}  // namespace graceslab::rcu
