// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "unsafe.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string_view>

#include "../child_output.hpp"

namespace graceslab::lab {
namespace {

constexpr int child_timeout_ms = 10000;

// What the child said about itself.
struct account {
  bool unloaded = false;  // it came that far
  bool unmapped = false;
  bool crashed_in = false;  // the fault was where the module had been
  bool crashed_out = false;
  bool done = false;
  std::uint64_t posted = 0, ran = 0, queued_at_return = 0;
  std::vector<std::string> reports;  // their kinds, each once
};

account read_account(const tool::child_output& child) {
  account a;
  std::istringstream out(child.out);
  for (std::string line, word; std::getline(out, line);) {
    std::istringstream fields(line);
    fields >> word;
    int gone = 0;
    if (word == "unloaded" && fields >> gone >> a.posted >> a.ran >> a.queued_at_return) {
      a.unloaded = true;
      a.unmapped = gone != 0;
    } else if (word == "crash" && fields >> word) {
      (word == "in" ? a.crashed_in : a.crashed_out) = true;
    } else if (word == "done" && fields >> a.posted >> a.ran) {
      a.done = true;
    }
  }
  constexpr std::string_view prefix = "graceslab: ";
  std::istringstream err(child.err);
  for (std::string line; std::getline(err, line);) {
    if (line.compare(0, prefix.size(), prefix) != 0) continue;
    std::string kind = line.substr(prefix.size(), line.find(':', prefix.size()) - prefix.size());
    if (std::find(a.reports.begin(), a.reports.end(), kind) == a.reports.end())
      a.reports.push_back(kind);
  }
  return a;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : ", ") + w;
  return out;
}

bool reported(const account& a, gs_report kind) {
  return std::find(a.reports.begin(), a.reports.end(), gs_report_name(kind)) != a.reports.end();
}

// The report that shows this very mistake; another one would not count.
bool reported_as_such(unsafe variant, const account& a) {
  switch (variant) {
    case unsafe::leak:
      return reported(a, GS_REPORT_LEAK);
    case unsafe::rearm:
      return reported(a, GS_REPORT_REARMING_CALLBACK) || reported(a, GS_REPORT_OWNER_UNLOADED);
    default:
      return reported(a, GS_REPORT_DESTROY_WITH_OBJECTS) || reported(a, GS_REPORT_OWNER_UNLOADED) ||
             reported(a, GS_REPORT_LEAK);
  }
}

void conclude(unsafe_result& r, const char* outcome, bool caught, std::string evidence) {
  r.outcome = outcome;
  r.caught = caught;
  r.evidence = std::move(evidence);
}

void judge_crash(unsafe_result& r, const account& a, int signal) {
  // A worker has all signals blocked: then the kernel ends the process without a word about where.
  bool on_worker = !a.crashed_in && !a.crashed_out && a.unloaded && a.unmapped;
  const char* name = signal == SIGSEGV ? "SIGSEGV" : signal == SIGBUS ? "SIGBUS" : "a signal";
  const char* where = a.crashed_in ? "where the module had been mapped"
                      : on_worker  ? "on a worker thread, after the unload"
                                   : "in other code";
  bool predicted = a.crashed_in || on_worker;
  conclude(r, predicted ? "crashed in unmapped code" : "crashed elsewhere",
           predicted && !r.protection, fmt::format("{} {}", name, where));
}

void judge_luck(unsafe_result& r, const account& a) {
  bool finished = a.done && a.unmapped && a.ran == a.posted;
  conclude(r, finished ? "worked by luck" : "not noticed", finished && a.queued_at_return != 0,
           fmt::format("{} of {} callbacks queued when the wait returned", a.queued_at_return,
                       a.posted));
}

void judge_end(unsafe_result& r, const account& a) {
  unsafe which = r.info->which;
  bool countable = which != unsafe::rearm && which != unsafe::leak;
  if (countable && r.protection && a.unmapped && a.posted != 0 && a.ran == a.posted)
    conclude(r, "made safe", true, fmt::format("all of its {} callbacks ran before", a.posted));
  else if (reported_as_such(which, a))
    conclude(r, "reported", true, joined(a.reports));
  else
    conclude(r, "not noticed", false, fmt::format("{} posted, {} ran", a.posted, a.ran));
}

bool wanted(const std::vector<std::string>& only, const char* id) {
  return only.empty() || std::find(only.begin(), only.end(), id) != only.end();
}

}  // namespace

unsafe_result run_unsafe(const unsafe_info& variant, bool protection) {
  unsafe_result r;
  r.info = &variant;
  r.protection = protection;
  std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  tool::child_output child = tool::run_child(
      {self, "lab-child", "--variant", variant.id, "--protection", protection ? "on" : "off"},
      {"GRACESLAB_CALLBACK_WORKERS=1", "GRACESLAB_LINGER_SPLAT_MS=300",
       "GRACESLAB_ON_VIOLATION=report"},
      child_timeout_ms);
  account a = read_account(child);
  r.reports = a.reports;
  if (child.timed_out)
    conclude(r, "timed out", false, fmt::format("after {} s", child_timeout_ms / 1000));
  else if (child.signal != 0)
    judge_crash(r, a, child.signal);
  else if (child.status != 0 || !a.done)
    conclude(r, "failed to run", false, fmt::format("exit status {}: {}", child.status, child.err));
  else if (variant.which == unsafe::synchronize_rcu_idle)
    judge_luck(r, a);
  else
    judge_end(r, a);
  return r;
}

std::vector<unsafe_result> run_all_unsafe(const std::vector<std::string>& only, progress& show) {
  std::vector<unsafe_result> all;
  for (const unsafe_info& variant : unsafe_variants()) {
    if (!wanted(only, variant.id)) continue;
    for (bool protection : {false, true}) {
      if (protection && variant.which == unsafe::synchronize_rcu_idle) continue;
      all.push_back(run_unsafe(variant, protection));
      show.step("unsafe {}, protection {}: {}", variant.id, protection ? "on" : "off",
                all.back().outcome);
    }
  }
  return all;
}

}  // namespace graceslab::lab
