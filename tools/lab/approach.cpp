// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "approach.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <thread>

#include "loader.hpp"
#include "reports.hpp"

namespace graceslab::lab {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr auto home_limit = 10s;
constexpr auto home_poll = 50us;
constexpr std::size_t held_records =
    1000;  // fully_freed: the host keeps so many until the module is gone
constexpr std::size_t problems_shown = 5;
constexpr double most_idle_seconds = 5;

double seconds_since(steady::time_point begin) {
  return std::chrono::duration<double>(steady::now() - begin).count();
}

bool both_moved(const traffic_counts& before, const traffic_counts& now) {
  return now.lookups != before.lookups && now.updates != before.updates;
}

// CLOCK_MONOTONIC, as in the module.
std::uint64_t now_ns() {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(steady::now().time_since_epoch())
          .count());
}

gs_domain_stats domain_now() {
  gs_domain_stats s = {};
  gs_domain_read_stats(nullptr, &s);
  return s;
}

// Nothing in flight, in any cache: only then do the domain's totals tell of losses.
void settle() {
  rcu_barrier();
  kfree_rcu_barrier();
}

struct find_cache {
  const std::string* name;
  bool found;
  gs_cache_stats stats;
};

// The cache of this name that is not gone yet. Looks without pushing: the library itself has to
// bring it home.
std::optional<gs_cache_stats> still_there(const std::string& name) {
  find_cache search = {&name, false, {}};
  gs_caches_visit(
      [](const gs_cache_stats* s, void* arg) {
        find_cache& f = *static_cast<find_cache*>(arg);
        if (s->stage == GS_STAGE_GONE || *f.name != s->name) return;
        f.found = true;
        f.stats = *s;
      },
      &search);
  if (!search.found) return std::nullopt;
  return search.stats;
}

class round {
 public:
  round(approach_result& result, const std::vector<range>& ranges, traffic& threads,
        std::string name)
      : result_(result), ranges_(ranges), threads_(threads), name_(std::move(name)) {}

  void run(const std::string& module_path, double load_seconds);

  double destroy_us = 0, home_us = 0, lookups_per_s = 0, updates_per_s = 0;
  std::uint64_t in_flight = 0;

 private:
  void start(const loaded_module& module);
  void put_under_load(const module_api& api, double load_seconds);
  void hold_some(const module_api& api);
  void give_back_held();
  void expect_waited();
  void wait_until_home(const stop_result& stopped);
  void account(const stop_result& stopped);
  void problem(std::string text) {
    if (result_.problems.size() < problems_shown)
      result_.problems.push_back(name_ + ": " + std::move(text));
  }

  approach_result& result_;
  const std::vector<range>& ranges_;
  traffic& threads_;
  std::string name_;
  report_catcher reports_;
  gs_domain_stats before_ = {};
  traffic_counts traffic_before_;
  std::vector<void*> held_;
  std::uint64_t leaked_ = 0;
};

void round::start(const loaded_module& module) {
  start_options options = {ranges_.data(), ranges_.size(), result_.info->which, name_.c_str()};
  if (module.api().start(&options) != 0)
    throw std::runtime_error("no memory for the module's table");
}

void round::put_under_load(const module_api& api, double load_seconds) {
  traffic_counts before = threads_.counts();
  steady::time_point begin = steady::now();
  threads_.publish_module(&api);
  // On a busy machine a thread of ours may get no time at first.
  do std::this_thread::sleep_for(std::chrono::duration<double>(load_seconds));
  while (!both_moved(before, threads_.counts()) && seconds_since(begin) < most_idle_seconds);
  hold_some(api);
  double elapsed = seconds_since(begin);
  traffic_counts after = threads_.counts();
  lookups_per_s = static_cast<double>(after.lookups - before.lookups) / elapsed;
  updates_per_s = static_cast<double>(after.updates - before.updates) / elapsed;
}

// References that outlive the module: the cache may only go when the last of them is dropped.
void round::hold_some(const module_api& api) {
  if (result_.info->which != approach::fully_freed) return;
  std::size_t step = std::max<std::size_t>(1, ranges_.size() / held_records);
  for (std::size_t i = 0; i < ranges_.size(); i += step)
    if (void* record = api.take(i)) held_.push_back(record);
}

// By the pointer alone, in both ways that need no code of the module.
void round::give_back_held() {
  for (std::size_t i = 0; i < held_.size(); ++i) {
    if (i % 2 == 0)
      kfree(held_[i]);
    else
      kfree_rcu_mightsleep(held_[i]);
  }
}

// An approach that waits leaves nothing in flight, and not because the cache would linger for it.
void round::expect_waited() {
  if (!result_.info->waits) return;
  std::optional<gs_cache_stats> left = still_there(name_);
  if (!left) return;
  std::uint64_t not_home = left->retired - left->reclaimed;
  if (not_home + left->live != 0)
    problem(fmt::format("{} objects in flight and {} live when its wait returned", not_home,
                        left->live));
}

void round::wait_until_home(const stop_result& stopped) {
  steady::time_point begin = steady::now();
  std::optional<gs_cache_stats> left;
  while ((left = still_there(name_)) && steady::now() - begin < home_limit)
    std::this_thread::sleep_for(home_poll);
  home_us = static_cast<double>(now_ns() - stopped.began_ns) / 1e3;
  if (!left) return;
  leaked_ = left->live + (left->retired - left->reclaimed);
  problem(fmt::format("its cache is not home after {} s: {} objects live, {} in flight",
                      std::chrono::seconds(home_limit).count(), left->live,
                      left->retired - left->reclaimed));
}

// Two books must agree: what the module and the host gave up, and what the library says it took and
// reclaimed.
void round::account(const stop_result& stopped) {
  settle();
  gs_domain_stats now = domain_now();
  std::uint64_t taken =
      now.retired - before_.retired + (now.callbacks_posted - before_.callbacks_posted);
  std::uint64_t back =
      now.reclaimed - before_.reclaimed + (now.callbacks_invoked - before_.callbacks_invoked);
  std::uint64_t lost = taken > back ? taken - back : 0;
  if (lost != 0) problem(fmt::format("{} objects were given up and not reclaimed", lost));
  if (taken + stopped.freed_at_once + held_.size() < stopped.handed_over)
    problem(fmt::format("the module gave up {} objects, the library counted {}",
                        stopped.handed_over, taken));
  leaked_ += lost;
  result_.objects_retired += stopped.handed_over;
  result_.objects_leaked += leaked_;
  result_.objects_reclaimed += stopped.handed_over - std::min(stopped.handed_over, leaked_);
  traffic_counts counts = threads_.counts();
  if (counts.wrong != traffic_before_.wrong)
    problem(fmt::format("{} lookups read a wrong or reused record",
                        counts.wrong - traffic_before_.wrong));
  for (const std::string& text : reports_.take()) problem(text);
}

void round::run(const std::string& module_path, double load_seconds) {
  settle();
  before_ = domain_now();
  traffic_before_ = threads_.counts();
  loaded_module module(module_path);
  start(module);
  put_under_load(module.api(), load_seconds);

  threads_.withdraw_module();
  traffic_counts withdrawn = threads_.counts();
  gs_domain_stats at_stop = domain_now();
  stop_result stopped;
  module.api().stop(&stopped);
  expect_waited();
  bool home_already = held_.empty() && !still_there(name_);
  if (home_already) home_us = static_cast<double>(stopped.destroy_ns) / 1e3;
  if (!module.unload()) {
    result_.unmapped = false;
    problem("the module is still mapped after dlclose");
  }
  give_back_held();
  if (!home_already) wait_until_home(stopped);

  result_.grace_periods += domain_now().completed - at_stop.completed;
  result_.host_lookups_meanwhile += threads_.counts().host_lookups - withdrawn.host_lookups;
  if (stopped.code != 0) problem(fmt::format("the waiting destroy returned {}", stopped.code));
  destroy_us = static_cast<double>(stopped.destroy_ns) / 1e3;
  in_flight = stopped.in_flight;
  account(stopped);
}

}  // namespace

approach_result run_approach(const approach_info& info, const std::vector<range>& ranges,
                             const std::string& module, traffic& threads, const load& work,
                             progress& show) {
  approach_result result;
  result.info = &info;
  std::vector<double> destroy, home, lookups, updates, in_flight;
  int covered = gs_barrier_covers_retire(nullptr, info.which == approach::barrier_covers_retire);
  for (unsigned i = 0; i < work.rounds; ++i) {
    show.detail("{} round {}/{}", info.id, i + 1, work.rounds);
    round r(result, ranges, threads, fmt::format("lab-{}-{}", info.id, i + 1));
    r.run(module, work.seconds);
    ++result.rounds;
    destroy.push_back(r.destroy_us);
    home.push_back(r.home_us);
    lookups.push_back(r.lookups_per_s);
    updates.push_back(r.updates_per_s);
    in_flight.push_back(static_cast<double>(r.in_flight));
  }
  gs_barrier_covers_retire(nullptr, covered);
  result.destroy_us = percentiles_of(destroy);
  result.home_us = percentiles_of(home);
  result.lookups_per_s = median(lookups);
  result.updates_per_s = median(updates);
  result.objects_in_flight = static_cast<std::uint64_t>(median(in_flight));
  return result;
}

}  // namespace graceslab::lab
