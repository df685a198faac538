// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whether who waits for a step of another thread sleeps meanwhile. The step is taken when it was
// seen asleep; one that yields or spins instead has burnt a second of its core by then.
#pragma once
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <string>
#include <thread>

namespace graceslab {

class waiter {
 public:
  template <class F>
  explicit waiter(F wait)
      : thread_([this, wait] {
          tid_.store(gettid());
          wait();
          ended_ = true;
        }) {}
  ~waiter() { thread_.join(); }
  waiter(const waiter&) = delete;
  waiter& operator=(const waiter&) = delete;

  // To be called before the step that ends the wait.
  bool sleeps() {
    while (tid_.load() == 0) std::this_thread::yield();
    clockid_t cpu;
    if (pthread_getcpuclockid(thread_.native_handle(), &cpu) != 0) return false;
    for (const long began = used_ms(cpu); used_ms(cpu) - began < 1000;) {
      if (ended_) return false;
      if (state() == 'S') return true;
      nap();
    }
    return false;
  }
  bool ended() const { return ended_; }

 private:
  static void nap() {
    timespec t = {0, 50'000};
    nanosleep(&t, nullptr);
  }
  static long used_ms(clockid_t cpu) {
    timespec t = {};
    clock_gettime(cpu, &t);
    return static_cast<long>(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
  }
  char state() const {
    char text[512] = {};
    const std::string path = "/proc/self/task/" + std::to_string(tid_.load()) + "/stat";
    if (FILE* file = std::fopen(path.c_str(), "r")) {
      (void)!std::fread(text, 1, sizeof text - 1, file);
      std::fclose(file);
    }
    const char* name_end = std::strrchr(text, ')');
    return name_end != nullptr && name_end[1] != '\0' ? name_end[2] : '?';
  }

  std::atomic<pid_t> tid_{0};
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace graceslab
