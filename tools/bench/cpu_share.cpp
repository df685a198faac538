// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cpu_share.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace graceslab::tool::bench {
namespace {

struct jiffies {
  double busy = 0, all = 0;  // seconds
};

jiffies machine_time() {
  std::ifstream stat("/proc/stat");
  std::string word;
  stat >> word;
  jiffies j;
  double tick = static_cast<double>(sysconf(_SC_CLK_TCK));
  // user nice system idle iowait irq softirq steal
  for (int i = 0; i != 8; ++i) {
    double value = 0;
    if (!(stat >> value)) break;
    j.all += value / tick;
    if (i != 3 && i != 4) j.busy += value / tick;
  }
  return j;
}

double our_time() {
  double sum = 0;
  for (int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage u = {};
    getrusage(who, &u);
    for (const timeval& t : {u.ru_utime, u.ru_stime})
      sum += static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  }
  return sum;
}

}  // namespace

cpu_share::cpu_share() : ours_(our_time()) {
  jiffies now = machine_time();
  busy_ = now.busy;
  all_ = now.all;
}

double cpu_share::of_others() const {
  jiffies now = machine_time();
  double all = now.all - all_;
  double others = now.busy - busy_ - (our_time() - ours_);
  return all <= 0 ? 0 : std::clamp(others / all, 0.0, 1.0);
}

}  // namespace graceslab::tool::bench
