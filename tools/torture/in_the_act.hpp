// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whoever seizes a thread's arrays must wait for a thread that stands inside a pop or push. Such a
// moment is a few instructions long, so it is not left to luck: a signal stops the thread there.
#pragma once
#include <pthread.h>

#include <cstdint>

namespace graceslab::torture {

class in_the_act {
 public:
  // For threads that work in the cache with this id. One of these lives at a time.
  explicit in_the_act(std::uint32_t cache);
  ~in_the_act();
  in_the_act(const in_the_act&) = delete;
  in_the_act& operator=(const in_the_act&) = delete;

  // From now on the calling thread may be stopped, until this goes. For the first few threads.
  void offer();

  // Stops an offered thread inside one of its pops or pushes, for a few milliseconds. False when
  // none was met there.
  bool stop(unsigned choice);
  // Lets the thread go on. True when it stood there all the time.
  bool let_go();

 private:
  static constexpr std::uint32_t places = 4;
  pthread_t thread_[places] = {};
  std::uint32_t ready_[places] = {};  // atomic
  std::uint32_t offered_ = 0;         // atomic
};

}  // namespace graceslab::torture
