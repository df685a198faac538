// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// "Why does this cache still live?" The answer names what is out and which reader it waits for.
#include <atomic>
#include <cstdio>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <thread>

struct entry {
  long key, value;
};

int main() {
  std::atomic<bool> reading{false}, done{false};
  std::thread slow_reader([&] {
    graceslab::rcu_reader section;
    reading = true;
    while (!done) std::this_thread::yield();
  });
  while (!reading) std::this_thread::yield();

  graceslab::cache<entry> entries("entries");
  for (int i = 0; i < 5; ++i) entries.retire(entries.make(entry{i, i}));
  const graceslab::destroy_result ended = entries.destroy(graceslab::destroy_policy::linger);
  const std::string held = graceslab::why(ended.cookie);
  std::printf("%s\n", held.c_str());

  done = true;
  slow_reader.join();
  const graceslab::errc gone = graceslab::destroy_barrier(ended.cookie);
  std::printf("%s\n", graceslab::why(ended.cookie).c_str());
  const bool told = held.find("5 retired") != std::string::npos &&
                    held.find("held back by thread") != std::string::npos;
  return gone == graceslab::errc::ok && told ? 0 : 1;
}
