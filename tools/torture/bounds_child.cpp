// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// B1 to B4, judged by what the process holds. Nothing is measured in time but patience: what is
// due within two seconds may take ten times as long on a machine that is busy, and moments in which
// the machine stands still hardly count.
#include <fcntl.h>
#include <fmt/core.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../commands.hpp"
#include "bounds_ground.hpp"

namespace graceslab::torture {
namespace {

using namespace std::chrono;

constexpr milliseconds patience{20'000}, between_looks{40}, look_most{100};
constexpr unsigned looks_in_a_row = 4;
constexpr std::size_t stack_bytes = 128 * kib;
constexpr std::uint64_t room = bounds_working_set * 3 / 2 + 16 * mib;

[[noreturn]] void leave(const std::string& line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
  std::_Exit(0);
}

std::uint64_t mapped_now(const char* field) {
  std::uint64_t kilobytes = 0;
  if (std::FILE* f = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, f) != nullptr)
      if (std::strncmp(line, field, std::strlen(field)) == 0)
        (void)std::sscanf(line + std::strlen(field), ": %lu kB", &kilobytes);
    std::fclose(f);
  }
  return kilobytes * kib;
}

void set_limit(__rlimit_resource which, std::uint64_t used) {
  const rlimit limit = {used + room, used + room};
  if (setrlimit(which, &limit) != 0) leave("skipped a limit cannot be set");
}

void join_group(const std::string& group) {
  if (group.empty()) leave("skipped no memory cgroup was given (--cgroup)");
  const int file = open((group + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0 || write(file, "0\n", 2) != 2) leave("skipped " + group + " cannot be joined");
  close(file);
}

// With all threads there and before the first object.
void limit_process(unsigned limit, const std::string& group) {
  if (limit == address_limit) set_limit(RLIMIT_AS, mapped_now("VmSize"));
  if (limit == data_limit) set_limit(RLIMIT_DATA, mapped_now("VmData"));
  if (limit == group_limit) join_group(group);
  if (limit == locked_limit && mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
    leave(fmt::format("skipped mlockall: {}", std::strerror(errno)));
}

void reported(gs_report, const char* text, std::size_t bytes, void*) {
  bounds_broken(fmt::format("report: {}", std::string(text, bytes)));
}

// Threads of a load: there before anything is measured, and to the end.
class crew {
 public:
  crew(ground& g, const load& l) : ground_(g), load_(l) {
    for (unsigned i = 0; i != l.threads; ++i) std::thread([this, i] { play(i); }).detach();
    std::thread([this] { use(); }).detach();
    while (there_.load() != l.threads + 1) std::this_thread::sleep_for(between_looks);
  }
  void work() {
    start();
    if (load_.work != nullptr) load_.work(ground_);
    while (done_.load() != load_.threads) std::this_thread::sleep_for(milliseconds(1));
  }
  void use_from_now_on() { using_.store(load_.used_after); }
  void stop_use() {
    using_.store(false);
    while (in_use_.load()) std::this_thread::sleep_for(milliseconds(1));
  }

 private:
  void start() {
    started_.store(true);
    started_.notify_all();
  }
  void play(unsigned i) {
    there_.fetch_add(1);
    started_.wait(false);
    load_.part(ground_, i);
    done_.fetch_add(1);
    for (;;) pause();
  }
  [[noreturn]] void use() {
    there_.fetch_add(1);
    for (;; std::this_thread::sleep_for(milliseconds(20))) {
      in_use_.store(true);
      if (using_.load()) ground_.use_lightly();
      in_use_.store(false);
    }
  }

  ground& ground_;
  const load& load_;
  std::atomic<bool> started_{false}, using_{false}, in_use_{false};
  std::atomic<unsigned> there_{0}, done_{0};
};

std::string over(std::uint64_t held, std::uint64_t bound) {
  if (held <= bound) return {};
  return fmt::format("{} KiB are held, {} are allowed", held / kib, bound / kib);
}

// How long it took until nothing was `wrong`, several looks in a row.
template <class F>
milliseconds settled(F wrong) {
  milliseconds waited{0}, at{0};
  auto before = steady_clock::now();
  for (unsigned good = 0; good != looks_in_a_row;) {
    const std::string why = wrong();
    if (!why.empty() && waited > patience)
      bounds_broken(fmt::format("{} s after the need has gone: {}", waited.count() / 1000, why));
    if (good == 0) at = waited;
    good = why.empty() ? good + 1 : 0;
    std::this_thread::sleep_for(between_looks);
    const auto now = steady_clock::now();
    waited += std::min(duration_cast<milliseconds>(now - before), look_most);
    before = now;
  }
  return at;
}

void use_small_stacks() {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_bytes);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

}  // namespace

void be_bounds_child(const std::string& text, const std::string& group) {
  bounds_case c;
  if (!from_text(text, &c)) throw tool::usage_error("--bounds-child is for the torture itself");
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // with the thread that waits for us
  use_small_stacks();
  gs_report_set_handler(reported, nullptr);
  const load& l = load_of(c.load);
  ground g(c);
  crew all(g, l);
  limit_process(c.limit, group);
  g.begin();
  all.work();
  all.use_from_now_on();
  const std::uint64_t bound = g.bound(l.used_after ? g.light_bytes() : 0);
  const milliseconds took = settled([&] { return over(g.held(), bound); });
  all.stop_use();
  settled([&] { return g.untrue_statistics(0); });  // pages that were never touched went back
  leave(fmt::format("settled {} {} {}", took.count(), g.held() / kib, g.peak / kib));
}

}  // namespace graceslab::torture
