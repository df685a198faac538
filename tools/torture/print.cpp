// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "print.hpp"

#include <nlohmann/json.hpp>

namespace graceslab::torture {
namespace {

struct flaw {
  const char* name;
  const char* meaning;
};
constexpr flaw flaws[] = {
    {"no-grace-period", "every grace period is over at once"},
    {"barrier-nothing", "rcu_barrier() returns at once"},
    {"cache-barrier-nothing", "the barriers for retired memory return at once"},
    {"skip-takeover", "whoever seizes a thread's arrays does not wait for the thread"},
    {"counter-stuck", "a stage of retired memory does not move its counter"},
    {"settle-once", "unloading a module looks once whether its callbacks are done"},
    {"exit-no-deadline", "the drain at exit ignores its deadline"},
    {"keep-slabs", "empty slabs do not go back to the system"},
    {"lying-fence", "the heavy fence returns without having fenced"},
    {"midway-unseen", "nobody notices that a signal handler interrupted the library"},
    {"hazard-skips-slots", "scans look at three of four hazard pointers"},
};

void print_bounds(const findings& f) {
  fmt::print("    cases   longest until the bound held\n");
  for (const auto& [what, n] : f.counts) {
    const auto ms = f.longest_ms.find(what);
    fmt::print(
        "{:>9}{}  {}\n", n,
        ms != f.longest_ms.end() ? fmt::format("{:>10} ms", ms->second) : std::string(13, ' '),
        what);
  }
}

gs_domain_stats domain() {
  gs_domain_stats s = {};
  gs_domain_read_stats(nullptr, &s);
  return s;
}

void print_play(const findings& f) {
  fmt::print("ages that readers saw");
  for (unsigned i = 0; i <= last_age; ++i)
    if (f.ages[i] != 0) fmt::print("   {}: {}", i, f.ages[i]);
  gs_domain_stats d = domain();
  fmt::print("\n{} grace periods, {} callbacks, {} objects retired\n\n", d.completed,
             d.callbacks_invoked, d.retired);
  for (const auto& [what, n] : f.counts) fmt::print("{:>12}  {}\n", n, what);
}

}  // namespace

void print_text(const options& o, const findings& f) {
  fmt::print("seed {}, {:.1f} s, choices {:016x}\n", o.seed, f.seconds, f.digest);
  if (o.bounds)
    print_bounds(f);
  else
    print_play(f);
  for (unsigned t = 0; t != troubles; ++t)
    if (f.troubles_seen[t] != 0)
      fmt::print("\nTROUBLE  {}: {} times", name_of(static_cast<trouble>(t)), f.troubles_seen[t]);
  for (const std::string& text : f.texts) fmt::print("\n  {}", text);
  fmt::print("\n{}\n", f.good() ? "clean" : "FAILED");
}

void print_json(const options& o, const findings& f) {
  nlohmann::ordered_json errors = nlohmann::ordered_json::object();
  for (unsigned t = 0; t != troubles; ++t)
    errors[name_of(static_cast<trouble>(t))] = f.troubles_seen[t];
  gs_domain_stats d = domain();
  nlohmann::ordered_json root = {
      {"version", gs_version()},
      {"seed", o.seed},
      {"readers", o.readers},
      {"updaters", o.updaters},
      {"seconds", f.seconds},
      {"choices", fmt::format("{:016x}", f.digest)},
      {"clean", f.good()},
      {"ages", f.ages},
      {"errors", std::move(errors)},
      {"first_errors", f.texts},
      {"counts", f.counts},
      {"longest_ms", f.longest_ms},
      {"grace_periods", d.completed},
      {"callbacks_invoked", d.callbacks_invoked},
      {"objects_retired", d.retired},
  };
  fmt::print("{}\n", root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_flaws() {
  for (const flaw& f : flaws) fmt::print("{:<24}{}\n", f.name, f.meaning);
  fmt::print(
      "\nA build with GRACESLAB_BUSTED makes graceslab-busted; the environment variable "
      "GRACESLAB_BUSTED\nswitches one of these on in it.\n");
}

}  // namespace graceslab::torture
