// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A sandbox that takes system calls away from all threads of this process, for good.
#pragma once
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace refusing {

struct call {
  unsigned number;
  int error;
};

inline std::vector<sock_filter> filter_of(const std::vector<call>& calls, unsigned otherwise) {
  std::vector<sock_filter> code;
  code.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const call& c : calls) {
    code.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, c.number, 0, 1));
    code.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(c.error)));
  }
  code.push_back(BPF_STMT(BPF_RET | BPF_K, otherwise));
  return code;
}

// False: there is no sandbox here.
inline bool refuse(const std::vector<call>& calls) {
  std::vector<sock_filter> code = filter_of(calls, SECCOMP_RET_ALLOW);
  const sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

inline constexpr int no_sandbox = 77;  // exit status: the test is skipped

}  // namespace refusing
