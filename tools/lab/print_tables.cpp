// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Tables of at most 120 columns, each with a legend below.
#include <fmt/core.h>

#include <algorithm>

#include "findings.hpp"

namespace graceslab::lab {
namespace {

// 12345678 -> "12.3 M": three digits are all that such figures carry.
std::string short_number(double v) {
  if (v >= 1e9) return fmt::format("{:.2f} G", v / 1e9);
  if (v >= 1e6) return fmt::format("{:.2f} M", v / 1e6);
  if (v >= 1e4) return fmt::format("{:.0f} k", v / 1e3);
  return fmt::format("{:.0f}", v);
}

std::string short_time(double us) {
  if (us >= 1e6) return fmt::format("{:.2f} s", us / 1e6);
  if (us >= 1e3) return fmt::format("{:.1f} ms", us / 1e3);
  return fmt::format("{:.1f} us", us);
}

std::string short_number(std::uint64_t v) { return short_number(static_cast<double>(v)); }

void print_input(const findings& f) {
  fmt::print("{} ranges ({} IPv4, {} IPv6) from", f.table.ranges, f.table.ipv4, f.table.ipv6);
  for (const input_file& file : f.table.files) fmt::print(" {}", file.path);
  fmt::print("\nmodules per approach: {}, each under load for {} s; readers: {}, updaters: {}\n\n",
             f.work.rounds, f.work.seconds, f.readers, f.updaters);
}

void print_approach(const approach_result& r) {
  double rounds = std::max(1u, r.rounds);
  fmt::print("{:<21} {:<4} {:<6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>5.1f} {:>7} {:>7} {:>7} {:>3}\n",
             r.info->id, r.info->paper, r.kept() ? "ok" : "FAILED",
             short_number(r.objects_in_flight), short_time(r.destroy_us.p50),
             short_time(r.destroy_us.p99), short_time(r.home_us.p50), short_time(r.home_us.p99),
             static_cast<double>(r.grace_periods) / rounds, short_number(r.lookups_per_s),
             short_number(r.updates_per_s), r.objects_leaked, r.unmapped ? "yes" : "NO");
}

void print_approaches(const findings& f) {
  if (f.approaches.empty()) return;
  fmt::print("{:<21} {:<4} {:<6} {:>9} {:>19} {:>19} {:>5} {:>7} {:>7} {:>7} {:>3}\n", "", "", "",
             "objects", "destroy held caller", "all pages home", "grace", "lookups", "updates",
             "lost or", "un-");
  fmt::print("{:<21} {:<4} {:<6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>5} {:>7} {:>7} {:>7} {:>3}\n",
             "approach", "", "", "in flight", "median", "p99", "median", "p99", "per.", "/s", "/s",
             "leaked", "map");
  std::uint64_t retired = 0, reclaimed = 0, meanwhile = 0;
  for (const approach_result& r : f.approaches) {
    print_approach(r);
    retired += r.objects_retired;
    reclaimed += r.objects_reclaimed;
    meanwhile += r.host_lookups_meanwhile;
  }
  fmt::print(
      "\n  in flight: waiting for a grace period when the teardown began (median). home: from then "
      "until the last page\n"
      "  was back. grace per.: grace periods per teardown, until home. unmap: no page of the "
      "module is left mapped.\n"
      "  {} objects given up, {} reclaimed; the host's readers made {} lookups while modules were "
      "torn down.\n",
      short_number(retired), short_number(reclaimed), short_number(meanwhile));
  for (const approach_result& r : f.approaches)
    for (const std::string& p : r.problems) fmt::print("  FAILED {}\n", p);
}

void print_unsafe(const findings& f) {
  if (f.unsafe.empty()) return;
  fmt::print("\n{:<21} {:<10} {:<7} {:<25} {}\n", "unsafe variant", "protection", "caught",
             "outcome", "because");
  for (const unsafe_result& r : f.unsafe)
    fmt::print("{:<21} {:<10} {:<7} {:<25} {}\n", r.info->id, r.protection ? "on" : "off",
               r.caught ? "yes" : "NO", r.outcome, r.evidence);
  fmt::print(
      "\n  Protection off, the bug must show: a crash in code that is gone, or a report. "
      "Protection on (the default of the\n"
      "  library), nothing may crash. Luck: on an idle system the callbacks happened to run before "
      "the unload.\n");
}

const char* best_of(const many_point& p) {
  if (p.async_us < p.global_us && p.async_us < p.single_us) return "asynchronous";
  return p.global_us < p.single_us ? "global" : "single";
}

void print_problems(const std::vector<std::string>& problems) {
  for (const std::string& p : problems) fmt::print("  FAILED {}\n", p);
}

void print_many(const findings& f) {
  if (!f.many) return;
  fmt::print("\n{:<12} {:>12} {:>12} {:>12}   {}\n", "many caches", "global", "single",
             "asynchronous", "fastest");
  for (const many_point& p : f.many->points)
    fmt::print("{:<12} {:>12} {:>12} {:>12}   {}\n", p.caches, short_time(p.global_us),
               short_time(p.single_us), short_time(p.async_us), best_of(p));
  fmt::print(
      "\n  global: kfree_rcu_barrier(), then N times kmem_cache_destroy(). single: N times "
      "kmem_cache_destroy_wait().\n"
      "  asynchronous: N times kmem_cache_destroy_rcu(), then kmem_cache_destroy_barrier(). "
      "Medians.\n");
  print_problems(f.many->problems);
  if (f.many->crossover)
    fmt::print(
        "  crossover: from {} caches on, one global barrier is clearly faster than single waits.\n",
        *f.many->crossover);
  else
    fmt::print(
        "  crossover: none; at the largest number, one global barrier was not clearly faster.\n");
}

void print_small(const small_result& r) {
  fmt::print("\n{:<21} {:>9} {:>9} {:>9} {:>9}   held caller; {} times, {} objects in flight\n",
             "small caches", "median", "90th", "99th", "parked", r.repetitions, r.objects);
  for (const small_row& row : r.rows)
    fmt::print("{:<21} {:>9} {:>9} {:>9} {:>9}\n", row.info->id, short_time(row.destroy_us.p50),
               short_time(row.destroy_us.p90), short_time(row.destroy_us.p99),
               short_time(row.parked_us.p50));
  fmt::print("\n  parked: median while a reader stays in its section for {} ms.\n", r.parked_ms);
  print_problems(r.problems);
}

void print_one(const one_result& r) {
  fmt::print("\n{:<21} {:>12} {:>12}\n", "one of many", "that one", "all");
  for (const one_point& p : r.points)
    fmt::print("{:<21} {:>12} {:>12}\n", p.others, short_time(p.one_us), short_time(p.all_us));
  fmt::print(
      "\n  that one: kmem_cache_free_barrier(). all: kfree_rcu_barrier(). Beside so many others, "
      "each "
      "with objects in flight.\n");
  print_problems(r.problems);
}

void print_parked(const parked_result& r) {
  fmt::print("\n{:<21} {:>9} {:>9} {:>9} {:>12} {:>9}\n", "parked reader", "updates", "waiting",
             "resident", "home after", "resident");
  for (const parked_row& row : r.rows) {
    const parked_sample& last = row.samples.back();
    fmt::print("{:<21} {:>9} {:>9} {:>8}B {:>12} {:>8}B\n", row.info->id,
               short_number(last.updates), short_number(last.waiting),
               short_number(last.resident_bytes), short_time(row.home_us),
               short_number(row.resident_after));
  }
  fmt::print(
      "\n  One record is replaced while a reader stays; waiting: given up and not back. home "
      "after: "
      "from its leaving.\n");
  print_problems(r.problems);
}

void print_chains(const chains_result& r) {
  fmt::print("\n{:<21} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "chains: depth", "barriers",
             "they took", "drain: gp", "it took", "held", "home");
  for (const chain_point& p : r.points)
    fmt::print("{:<21} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n", p.depth, p.barriers,
               short_time(p.barriers_us), p.drain_grace_periods, short_time(p.drain_us),
               short_time(p.held_us), short_time(p.home_us));
  fmt::print(
      "\n  Callbacks that post the next. barriers: calls of rcu_barrier() until the last had run. "
      "drain: one gs_domain_drain(),\n  its grace periods. held, home: destroy of a "
      "SLAB_DESTROY_ONCE_FULLY_FREED cache with the chain's objects.\n");
  print_problems(r.problems);
}

void print_innocents(const innocents_result& r) {
  fmt::print("\n{:<21} {:>9} {:>12} {:>9} {:>9} {:>9} {:>9}\n", "bystanders of", "ended",
             "lookups/CPU s", "update", "99th", "own wait", "99th");
  for (const innocent_row& row : r.rows)
    fmt::print("{:<21} {:>9} {:>13} {:>9} {:>9} {:>9} {:>9}\n",
               row.info != nullptr ? row.info->id : "nobody", row.ended,
               short_number(row.lookups_per_cpu_s), short_time(row.update_us.p50),
               short_time(row.update_us.p99), short_time(row.wait_us.p50),
               short_time(row.wait_us.p99));
  fmt::print(
      "\n  Somebody ends a cache each millisecond or so; a bystander allocates, retires, and waits "
      "for its own cache.\n");
  print_problems(r.problems);
}

}  // namespace

void print_tables(const findings& f) {
  print_input(f);
  print_approaches(f);
  print_unsafe(f);
  print_many(f);
  if (f.small) print_small(*f.small);
  if (f.one) print_one(*f.one);
  if (f.parked) print_parked(*f.parked);
  if (f.chains) print_chains(*f.chains);
  if (f.innocents) print_innocents(*f.innocents);
  fmt::print("\nverdict: {} ({:.0f} s)\n", f.good() ? "every promise was kept" : "FAILED",
             f.seconds);
}

}  // namespace graceslab::lab
