// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Processes that end in the middle of everything. Each is this program once more (exit_child.cpp);
// it must be gone in time, with the status that it chose.
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "exit_child.hpp"
#include "phases.hpp"

namespace graceslab::torture {
namespace {

class exits_phase : public phase {
 public:
  explicit exits_phase(session& s) {
    s.add_worker("exiter", [](worker& w) { return round(w); });
  }

 private:
  static exit_orders orders_of(random_source& plan) {
    exit_orders o;
    o.policy = plan.below(exit_policies);
    o.from = plan.below(exit_places);
    o.faults = plan.one_in(2);
    // Nobody promises an end where nothing but the end of a section is waited for.
    o.stuck = plan.one_in(2) && o.policy != exit_strict;
    o.after_us = plan.below(20'000);
    return o;
  }

  static pid_t spawn(const exit_orders& o) {
    std::string text = to_text(o);
    const char* words[] = {"graceslab", "torture", "--exit-child", text.c_str(), nullptr};
    pid_t child = -1;
    if (posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, const_cast<char**>(words),
                    environ) != 0)
      throw std::runtime_error("cannot start a child process");
    return child;
  }

  // A machine that stands still for a while counts little.
  static bool ends(pid_t child, int* status) {
    using namespace std::chrono;
    constexpr milliseconds nap{2}, most_per_nap{50};
    auto before = steady_clock::now();
    for (milliseconds waited{0}; waited < exit_child_most;) {
      if (waitpid(child, status, WNOHANG) == child) return true;
      std::this_thread::sleep_for(nap);
      const auto now = steady_clock::now();
      waited += std::min(duration_cast<milliseconds>(now - before), most_per_nap);
      before = now;
    }
    kill(child, SIGKILL);
    waitpid(child, status, 0);
    return false;
  }

  static bool round(worker& w) {
    const exit_orders orders = orders_of(w.plan);
    w.doing("starting a process");
    const pid_t child = spawn(orders);
    w.doing("waiting for a process that exits");
    int status = 0;
    if (!ends(child, &status))
      w.all.fail(trouble::exit, "a process did not end: {}", describe(orders));
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != exit_child_status)
      w.all.fail(trouble::exit, "a process ended with {} {}: {}",
                 WIFSIGNALED(status) ? "signal" : "status",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), describe(orders));
    w.count("exits");
    return w.all.more(w);
  }
};

}  // namespace

std::unique_ptr<phase> make_exits(session& s) { return std::make_unique<exits_phase>(s); }

}  // namespace graceslab::torture
