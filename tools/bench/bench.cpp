// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab bench`: the figures that the design promises, beside liburcu where it has the
// operation.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <vector>

#include "../commands.hpp"
#include "measure.hpp"

namespace graceslab::tool {
namespace {

using namespace bench;

struct options {
  unsigned repetitions = 7;
  unsigned core = 0;
  std::uint64_t objects = 10'000'000;
  bool json = false;
};

void say(const row& r) { fmt::print(stderr, "bench: {} done\n", r.name); }

struct table {
  const options& o;
  std::vector<row> rows;

  // Against liburcu: ours may take `goal` times its time.
  void against(const char* name, double goal, const std::function<double()>& ours,
               const char* peer_name, const std::function<double()>& peer) {
    row r = paired(name, "ns", o.repetitions, ours, peer_name, urcu_present() ? peer : nullptr);
    r.goal = fmt::format("<= {:.3g}x", goal);
    r.met = r.peer.samples.empty() || r.ratio() <= goal;
    add(std::move(r));
  }
  void at_most(const char* name, const char* unit, double goal, unsigned repetitions,
               const std::function<double()>& ours, const std::function<double()>& peer = nullptr) {
    row r = paired(name, unit, repetitions, ours, peer ? "liburcu-memb" : "",
                   urcu_present() ? peer : nullptr);
    r.goal = goal > 0 ? fmt::format("<= {:.4g} {}", goal, unit) : "-";
    r.met = goal <= 0 || r.ours.median() <= goal;
    add(std::move(r));
  }
  void add(row r) {
    say(r);
    rows.push_back(std::move(r));
  }
};

void start_workers() {
  (void)rcu_barrier_us(1);
  (void)urcu_barrier_us(1);
  (void)free_barrier_us(1);
}

void measure_all(table& t) {
  constexpr std::uint64_t fast = 20'000'000, slow = 1'000'000;
  // First: later ones would find metadata that is resident already.
  t.at_most("resident bytes per live 64-byte object", "B", 66, 1,
            [&] { return resident_per_object(t.o.objects); });
  t.against(
      "reader lock + unlock, inline", 0.6, [] { return reader_pair_ns(fast); },
      "liburcu-memb, inlined", [] { return urcu_reader_pair_ns(fast); });
  t.against(
      "alloc + write + publish + retire + reuse, typed", 1.0 / 8,
      [] { return retire_cycle_ns(slow); }, "liburcu call_rcu + malloc",
      [] { return urcu_retire_cycle_ns(slow); });
  t.against(
      "the same through the kernel's names", 1.0 / 8, [] { return retire_cycle_c_ns(slow); },
      "liburcu call_rcu + malloc", [] { return urcu_retire_cycle_ns(slow); });
  t.at_most("kmem_cache_alloc + kmem_cache_free", "ns", 0, t.o.repetitions,
            [] { return alloc_free_pair_ns(fast); });
  for (unsigned pending : {0u, 1u, 1000u})
    t.at_most(
        fmt::format("rcu_barrier, {} pending", pending).c_str(), "us", 100, 2 * t.o.repetitions,
        [=] { return rcu_barrier_us(pending); }, [=] { return urcu_barrier_us(pending); });
  for (unsigned pending : {0u, 1u, 1000u})
    t.at_most(fmt::format("kmem_cache_free_barrier, {} pending", pending).c_str(), "us", 100,
              2 * t.o.repetitions, [=] { return free_barrier_us(pending); });
  row many = paired(
      "kmem_cache_free_barrier on 1 of 1000 busy caches", "us", 3 * t.o.repetitions,
      [] { return free_barrier_of_many_us(1000); }, "on 1 of 1",
      [] { return free_barrier_of_many_us(1); });
  many.goal = "<= 1.5x";
  many.met = many.ratio() <= 1.5;
  t.add(std::move(many));
  t.at_most("grace periods, 10 000 type-safe caches destroyed", "gp", 19, 3,
            [] { return grace_periods_for_type_safe(10'000); });
}

void print_table(const table& t) {
  fmt::print("{:<52} {:>10} {:>19} {:>10} {:>8} {:>12} {}\n", "operation", "median",
             "lowest .. highest", "peer", "ratio", "goal", "met");
  for (const row& r : t.rows)
    fmt::print("{:<52} {:>7.2f} {:<2} {:>8.2f} ..{:>8.2f} {:>10} {:>8} {:>12} {}\n", r.name,
               r.ours.median(), r.unit, r.ours.lowest(), r.ours.highest(),
               r.peer.samples.empty() ? "-" : fmt::format("{:.2f}", r.peer.median()),
               r.peer.samples.empty() ? "-" : fmt::format("{:.3f}", r.ratio()), r.goal,
               r.met ? "yes" : "no");
  fmt::print(
      "\nMedians of repetitions on one pinned core; ours and the peer in turn within this run. The "
      "peer is\n"
      "liburcu-memb (Debian) unless the operation says otherwise. Absolute times belong to this "
      "machine and this\n"
      "minute; ratios are what repeats.{}\n",
      urcu_present() ? "" : " liburcu was not installed when this was built: no peer.");
}

void print_json(const table& t) {
  nlohmann::json all = nlohmann::json::array();
  for (const row& r : t.rows) {
    nlohmann::json one = {{"name", r.name},
                          {"unit", r.unit},
                          {"median", r.ours.median()},
                          {"lowest", r.ours.lowest()},
                          {"highest", r.ours.highest()},
                          {"goal", r.goal},
                          {"met", r.met}};
    if (!r.peer.samples.empty())
      one["peer"] = {{"name", r.peer_name}, {"median", r.peer.median()}, {"ratio", r.ratio()}};
    all.push_back(std::move(one));
  }
  fmt::print("{}\n", nlohmann::json{{"benchmarks", all}}.dump(2));
}

}  // namespace

void add_bench(CLI::App& app) {
  auto o = std::make_shared<options>();
  CLI::App* bench =
      app.add_subcommand("bench", "Measure fast paths, barriers and memory, beside liburcu");
  bench->add_option("--repetitions", o->repetitions, "How often each figure is taken")
      ->check(CLI::Range(1, 1000));
  bench->add_option("--core", o->core, "The core to run on")->check(CLI::Range(0, 1023));
  bench->add_option("--objects", o->objects, "Live objects for the memory figure")
      ->check(CLI::Range(1000, 100'000'000));
  bench->add_flag("--json", o->json, "Print JSON, alone on standard output");
  bench->callback([o] {
    urcu_begin();
    start_workers();
    pin_to_core(o->core);  // this thread only: the workers of both started before
    table t{*o, {}};
    measure_all(t);
    urcu_end();
    o->json ? print_json(t) : print_table(t);
  });
}

}  // namespace graceslab::tool
