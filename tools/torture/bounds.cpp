// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory follows the working set: cases of bounds_case.hpp, several at a time since they mostly
// wait, each in a process of its own.
#include <cstdio>
#include <cstring>

#include "../child_output.hpp"
#include "bounds_case.hpp"
#include "phases.hpp"

namespace graceslab::torture {
namespace {

constexpr int child_most_ms = 150'000;

class bounds_phase : public phase {
 public:
  explicit bounds_phase(session& s) {
    for (unsigned i = 0; i != bounds_judges; ++i)
      s.add_worker("judge", [n = std::uint64_t{i}](worker& w) mutable {
        play(w, nth_case(n, w.plan));
        n += bounds_judges;
        return w.all.more(w);
      });
  }

 private:
  static void play(worker& w, const bounds_case& c) {
    w.doing(load_name(c.load));
    std::vector<std::string> words = {"/proc/self/exe", "torture", "--bounds-child", to_text(c)};
    if (!w.all.asked().cgroup.empty()) {
      words.push_back("--cgroup");
      words.push_back(w.all.asked().cgroup);
    }
    const tool::child_output child = tool::run_child(words, {}, child_most_ms);
    unsigned long ms = 0, held = 0, peak = 0;
    if (child.status == 0 && child.out.starts_with("skipped "))
      w.count("skipped: " + std::string(limit_name(c.limit)) + ": " +
              child.out.substr(8, child.out.find('\n') - 8));
    else if (child.status == 0 &&
             std::sscanf(child.out.c_str(), "settled %lu %lu %lu", &ms, &held, &peak) == 3)
      judged(w, c, ms);
    else
      w.all.fail(trouble::bound, "{}: {}{}", describe(c),
                 child.timed_out     ? "no end"
                 : child.signal != 0 ? fmt::format("signal {}", child.signal)
                                     : child.out,
                 child.err);
  }

  static void judged(worker& w, const bounds_case& c, unsigned long ms) {
    for (const char* name : {kind_name(c.kind), load_name(c.load), limit_name(c.limit)}) {
      w.count(name);
      w.longest(name, ms);
    }
  }
};

}  // namespace

std::unique_ptr<phase> make_bounds(session& s) { return std::make_unique<bounds_phase>(s); }

}  // namespace graceslab::torture
