// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/cores.hpp"

#include <fcntl.h>
#include <graceslab/detail/atomic.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "os/keep_errno.hpp"
#include "os/small_file.hpp"

namespace graceslab::os {
namespace {

constexpr unsigned cores_most = 2048;  // beyond: by their number alone
constexpr unsigned nodes_most = 64;

std::uint8_t share[cores_most];  // written once, before the first question
unsigned shares_made = 1;

struct node_cores {
  unsigned cores[cores_most];
  unsigned count = 0;
};

void add_core(unsigned core, void* to) noexcept {
  auto& n = *static_cast<node_cores*>(to);
  if (core < cores_most && n.count != cores_most) n.cores[n.count++] = core;
}

void count_node(unsigned, void* to) noexcept { ++*static_cast<unsigned*>(to); }

struct division {
  unsigned shares;
  unsigned nodes;
  unsigned node;  // how many were divided before
};

// Neighbours by number share: those of one core complex, and of its last-level cache, as a rule.
void divide_node(unsigned number, void* arg) noexcept {
  auto& d = *static_cast<division*>(arg);
  char path[64], list[1024];
  std::snprintf(path, sizeof path, "/sys/devices/system/node/node%u/cpulist", number);
  read_small_file(path, list, sizeof list);
  static node_cores here;  // one thread, once; too large for a small stack
  here.count = 0;
  each_in_list(list, add_core, &here);
  const unsigned first = d.node * d.shares / d.nodes;
  unsigned mine = (d.node + 1) * d.shares / d.nodes - first;
  if (mine == 0) mine = 1;  // more nodes than shares
  for (unsigned i = 0; i != here.count; ++i)
    share[here.cores[i]] = static_cast<std::uint8_t>((first + i * mine / here.count) % d.shares);
  ++d.node;
}

}  // namespace

void each_in_list(const char* list, void (*take)(unsigned, void*), void* arg) noexcept {
  const char* at = list;
  auto number = [&at](unsigned* out) {
    if (*at < '0' || *at > '9') return false;
    for (*out = 0; *at >= '0' && *at <= '9' && *out < 100'000; ++at)
      *out = *out * 10 + static_cast<unsigned>(*at - '0');
    return true;
  };
  unsigned low = 0;
  while (number(&low)) {
    unsigned high = low;
    if (*at == '-' && (++at, !number(&high))) return;
    for (unsigned n = low; n <= high && n - low < cores_most; ++n) take(n, arg);
    if (*at != ',') return;
    ++at;
  }
}

void split_cores(unsigned shares) noexcept {
  keep_errno keep;
  if (shares <= 1 || shares > 255) return;
  for (unsigned core = 0; core != cores_most; ++core)
    share[core] = static_cast<std::uint8_t>(core % shares);
  char online[1024];
  read_small_file("/sys/devices/system/node/online", online, sizeof online);
  division d = {shares, 0, 0};
  each_in_list(online, count_node, &d.nodes);
  if (d.nodes != 0 && d.nodes <= nodes_most) each_in_list(online, divide_node, &d);
  gs_store_relaxed(&shares_made, shares);
}

unsigned share_of_core(unsigned core) noexcept {
  return core < cores_most ? share[core] : core % gs_load_relaxed(&shares_made);
}

unsigned core_share() noexcept {
  const int core = sched_getcpu();  // from memory that the kernel keeps up to date, no system call
  return core < 0 ? 0 : share_of_core(static_cast<unsigned>(core));
}

}  // namespace graceslab::os
