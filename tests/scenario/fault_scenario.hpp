// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One small life of a cache that survives the failure of any allocation inside the library: every
// object that was got is given back, every count agrees, nothing is reported. Runs in a child, so
// that first uses are first uses again and a crash is a finding.
#pragma once
#include <graceslab/kernel/slab.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <thread>
#include <vector>

namespace fault {

inline std::uint32_t reports = 0;
inline gs_report last_report = GS_REPORT_KINDS;

inline void reported(gs_report kind, const char* text, std::size_t bytes, void*) {
  if (kind == GS_REPORT_NO_THREAD) return;  // the one refusal that is worth saying
  gs_fetch_add(&reports, 1u);
  last_report = kind;
  (void)!write(STDERR_FILENO, text, bytes);
}

// In the child: says what is wrong and ends it.
[[noreturn]] __attribute__((format(printf, 1, 2))) inline void wrong(const char* format, ...) {
  va_list values;
  va_start(values, format);
  std::vfprintf(stderr, format, values);
  va_end(values);
  std::fputc('\n', stderr);
  _exit(3);
}

constexpr int ok_status = 0, no_hit_status = 4;

// Runs `body` in a child; its exit status, or 128 + the signal that killed it.
template <class Body>
int in_child(const Body& body) {
  std::fflush(nullptr);
  pid_t child = fork();
  if (child == 0) {
    alarm(60);
    gs_report_set_handler(reported, nullptr);
    int status = body();
    _exit(status);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

inline void fail_at(gs_fault_site site, std::uint32_t attempt, std::int64_t times = 1) {
  gs_fault f = {};
  f.probability_per_million = 1'000'000;
  f.interval = attempt;
  f.times = times;
  gs_fault_set(site, &f);
}
inline void fail_always(bool on) {
  for (int site = 0; site != GS_FAULT_SITES; ++site)
    if (on)
      fail_at(static_cast<gs_fault_site>(site), 1, -1);
    else
      gs_fault_set(static_cast<gs_fault_site>(site), nullptr);
}

struct object {
  rcu_head head;
  std::uint64_t word[6];
};

// What the outside world should look like.
struct books {
  kmem_cache* cache = nullptr;
  std::vector<object*> live;
  std::uint64_t retired = 0;
  std::uint64_t posted = 0;
  std::uint64_t refused = 0;  // allocations that gave NULL
};

inline std::uint64_t freed_by_callback = 0;
inline void free_in_callback(rcu_head* head) {
  kfree(head);
  gs_fetch_add(&freed_by_callback, std::uint64_t{1});
}

void create(books& b);
void allocate(books& b, unsigned n);
void give_back(books& b);  // frees, retires and posts all but a few
void retire_without_head(books& b);
void use_any_size();
void check_counts(const books& b);  // and waits for what is in flight
void end(books& b);

// All of it, on this thread and another. Returns how many allocations failed.
std::uint64_t whole_life();

}  // namespace fault
