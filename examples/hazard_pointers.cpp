// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A reader that keeps one object for as long as it likes, while thousands are replaced: with a
// read-side section all of them would wait for it, with a hazard pointer it is that one. Then the
// cache is destroyed under the reader's hands: it lingers, says who is in its way, and ends when
// the reader lets go.
#include <cstdio>
#include <graceslab/cache.hpp>
#include <graceslab/hazard_pointer.hpp>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <latch>
#include <thread>

struct config;
struct to_its_cache {
  void operator()(config* c) const { gs_kfree(c); }
};
struct config : graceslab::hazard_pointer_obj_base<config, to_its_cache> {
  explicit config(int v) : version(v) {}
  int version;
};

int main() {
  graceslab::cache<config> configs("configs");
  std::atomic<config*> current = configs.make(1);
  std::latch reading(1), done(1);
  int seen = 0;

  std::thread reader([&] {
    graceslab::hazard_pointer h = graceslab::make_hazard_pointer();
    const config* c = h.protect(current);
    reading.count_down();
    done.wait();  // something slow: I/O, a callback to the user
    seen = c->version;
  });
  reading.wait();

  for (int version = 2; version <= 10'000; ++version)
    current.exchange(configs.make(version))->retire();
  current.exchange(nullptr)->retire();
  graceslab::hazard_pointer_barrier();  // waits for deleters, not for the reader
  std::printf("live objects: %llu of 10000 made\n",
              static_cast<unsigned long long>(graceslab::stats(configs).live));

  const graceslab::destroy_result ending = configs.destroy(graceslab::destroy_policy::linger);
  std::printf("%s\n", graceslab::why(ending.cookie).c_str());
  done.count_down();
  reader.join();
  const graceslab::errc gone = graceslab::destroy_barrier(ending.cookie);
  std::printf("%s; the reader saw version %d\n", graceslab::why(ending.cookie).c_str(), seen);
  return seen == 1 && gone == graceslab::errc::ok ? 0 : 1;
}
