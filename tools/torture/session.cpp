// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "session.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

namespace graceslab::torture {
namespace {

constexpr std::size_t texts_kept = 8;
constexpr std::uint64_t after_trouble_ms = 1000;  // what else goes wrong is worth knowing
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_hang_ms = 60'000;
#else
constexpr std::uint64_t usual_hang_ms = 15'000;
#endif

std::uint64_t now_ms() {
  using namespace std::chrono;
  return static_cast<std::uint64_t>(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count());
}

std::string command_of(const options& o) {
  if (o.bounds) return fmt::format("graceslab torture --bounds --seed {}", o.seed);
  std::string phases;
  for (const std::string& name : o.phases) phases += fmt::format(" --phase {}", name);
  return fmt::format("graceslab torture --seed {} --readers {} --updaters {}{}", o.seed, o.readers,
                     o.updaters, phases);
}

void sleep_us(unsigned us) { std::this_thread::sleep_for(std::chrono::microseconds(us)); }

}  // namespace

const char* name_of(trouble t) {
  static constexpr std::array<const char*, troubles> names = {
      "early", "reused", "damaged", "barrier", "count", "result", "report",
      "errno", "hang",   "fork",    "unload",  "exit",  "bound"};
  return names[static_cast<std::size_t>(t)];
}

bool findings::good() const {
  return std::all_of(troubles_seen.begin(), troubles_seen.end(),
                     [](std::uint64_t n) { return n == 0; });
}

worker::worker(session& s, std::string name, unsigned number, std::uint64_t seed)
    : all(s),
      plan(seed, 2u * number),
      noise(seed, 2u * number + 1),
      name_(fmt::format("{} {}", name, number)) {}

void worker::pause() {
  unsigned what = noise.below(1000);
  if (what < 600) return;
  if (what < 850)
    for (unsigned n = noise.below(500); n != 0; --n) gs_cpu_relax();
  else if (what < 960)
    sched_yield();
  else if (what < 995)
    sleep_us(noise.below(500));
  else
    sleep_us(2000 + noise.below(8000));
}

session::session(const options& o) : options_(o), terminal_(isatty(STDERR_FILENO) != 0) {
  if (options_.hang_ms == 0) options_.hang_ms = usual_hang_ms;
  while (options_.seed == 0) {
    std::random_device device;
    options_.seed = device();  // 32 bits: easy to copy
  }
}

void session::add_worker(std::string name, std::function<bool(worker&)> round) {
  auto number = static_cast<unsigned>(workers_.size());
  workers_.push_back(std::make_unique<worker>(*this, std::move(name), number, options_.seed));
  workers_.back()->round_ = std::move(round);
}

bool session::more(const worker& w) const {
  if (!stopping()) return true;
  return !failed() && gs_load_relaxed(&w.rounds_) + 1 < options_.least_rounds;
}

void session::work(worker& w) {
  try {
    do {
      std::uint64_t played = gs_load_relaxed(&w.rounds_);
      w.plan.record(played < digest_rounds);
      if (!w.round_(w)) break;
      gs_store_relaxed(&w.rounds_, played + 1);
    } while (true);
  } catch (const std::exception& e) {
    fail(trouble::result, "{}: {}", w.name(), e.what());
  }
  gs_store_release(&w.ended_, 1u);
}

void session::add(trouble t, std::string text) {
  if (in_child_) {  // whose other threads, and the locks they held, are gone
    text = fmt::format("torture: in a forked child: {}: {}\n", name_of(t), text);
    ssize_t ignored = write(STDERR_FILENO, text.data(), text.size());
    (void)ignored;
    _exit(3);
  }
  std::lock_guard<std::mutex> hold(lock_);
  ++findings_.troubles_seen[static_cast<std::size_t>(t)];
  if (findings_.texts.size() < texts_kept) {
    text = fmt::format("{}: {}", name_of(t), text);
    fmt::print(stderr, "{}torture: {}\n", terminal_ ? "\r\x1b[K" : "", text);
    findings_.texts.push_back(std::move(text));
  }
  gs_store_release(&failed_, 1u);
}

bool session::all_ended() const {
  return std::all_of(workers_.begin(), workers_.end(),
                     [](const auto& w) { return gs_load_acquire(&w->ended_) != 0; });
}

bool session::hanging(std::uint64_t now) {
  last_.resize(workers_.size(), {0, now});
  bool found = false;
  for (std::size_t i = 0; i != workers_.size(); ++i) {
    const worker& w = *workers_[i];
    std::uint64_t rounds = gs_load_relaxed(&w.rounds_);
    if (rounds != last_[i].rounds || gs_load_acquire(&w.ended_) != 0) last_[i] = {rounds, now};
    if (now - last_[i].at_ms < options_.hang_ms) continue;
    last_[i].at_ms = now;
    found = true;
    fail(trouble::hang, "{} made no progress for {} s in {}", w.name(), options_.hang_ms / 1000,
         w.doing());
  }
  return found;
}

void session::show_progress(std::uint64_t elapsed) {
  if (elapsed < shown_ms_ + (terminal_ ? 500 : 10'000)) return;
  shown_ms_ = elapsed;
  std::uint64_t rounds = 0;
  for (const auto& w : workers_) rounds += gs_load_relaxed(&w->rounds_);
  fmt::print(stderr, "{}torture: {} of {} s, {} rounds{}", terminal_ ? "\r\x1b[K" : "",
             elapsed / 1000, options_.seconds, rounds, terminal_ ? "" : "\n");
  std::fflush(stderr);
}

bool session::watch(std::uint64_t until) {
  std::uint64_t trouble_ms = 0;
  for (;;) {
    std::uint64_t now = now_ms();
    if (failed() && trouble_ms == 0) trouble_ms = now;
    if (!stopping() && (now >= until || (failed() && now >= trouble_ms + after_trouble_ms)))
      gs_store_release(&stop_, 1u);
    if (stopping() && all_ended()) return true;
    // After trouble nobody can be relied on to end.
    if (failed() && now >= trouble_ms + 2 * after_trouble_ms) return false;
    if (hanging(now)) return false;
    show_progress(now - began_ms_);
    sleep_us(20'000);
  }
}

bool session::run() {
  fmt::print(stderr, "torture: again with: {}\n", command_of(options_));
  began_ms_ = now_ms();
  for (auto& w : workers_) w->thread_ = std::thread([this, &each = *w] { work(each); });
  bool ended = watch(began_ms_ + static_cast<std::uint64_t>(options_.seconds * 1000));
  if (terminal_) fmt::print(stderr, "\r\x1b[K");
  if (ended)
    for (auto& w : workers_) w->thread_.join();
  return ended;
}

findings session::results() {
  std::lock_guard<std::mutex> hold(lock_);
  findings_.seconds = static_cast<double>(now_ms() - began_ms_) / 1000;
  for (const auto& w : workers_) {
    findings_.digest = mix(findings_.digest ^ w->plan.digest());
    if (gs_load_acquire(&w->ended_) == 0) continue;  // its counts may be in the making
    for (unsigned i = 0; i <= last_age; ++i) findings_.ages[i] += w->ages_[i];
    for (const auto& [what, n] : w->counts_) findings_.counts[what] += n;
    for (const auto& [what, ms] : w->longest_)
      findings_.longest_ms[what] = std::max(findings_.longest_ms[what], ms);
  }
  return findings_;
}

}  // namespace graceslab::torture
