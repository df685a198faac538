// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What those pay who have nothing to do with it, while somebody ends a cache each millisecond.
#include <graceslab/kernel/slab.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>

#include "questions.hpp"
#include "reports.hpp"
#include "small_cache.hpp"

namespace graceslab::lab {
namespace {

using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

constexpr unsigned objects = 32;           // in each cache that is ended
constexpr unsigned updates_per_wait = 16;  // of the innocent

struct object {
  char payload[48];
  rcu_head head;
};

// Ends caches until it is destroyed; nobody, where there is no approach.
class ender {
 public:
  explicit ender(const approach_info* info) {
    if (info != nullptr) thread_ = std::thread([this, a = info->which] { run(a); });
  }
  ~ender() { (void)stop(); }
  ender(const ender&) = delete;
  ender& operator=(const ender&) = delete;
  std::uint64_t stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return ended_;
  }

 private:
  void run(approach a) {
    while (!stop_) {
      small_cache s(a, objects);
      (void)s.end();
      ++ended_;
      std::this_thread::sleep_for(1ms);
    }
  }
  std::atomic<bool> stop_{false};
  std::uint64_t ended_ = 0;  // read when the thread has ended
  std::thread thread_;
};

double us_of(steady::duration d) { return std::chrono::duration<double, std::micro>(d).count(); }

class innocent {
 public:
  innocent() : cache_(kmem_cache_create("lab-innocent", sizeof(object), 0, 0, nullptr)) {
    if (cache_ == nullptr) throw std::runtime_error("no memory for another cache");
  }
  ~innocent() { (void)kmem_cache_destroy_wait(cache_); }
  innocent(const innocent&) = delete;
  innocent& operator=(const innocent&) = delete;

  void work(double seconds) {
    steady::time_point end = steady::now() + std::chrono::duration_cast<steady::duration>(
                                                 std::chrono::duration<double>(seconds));
    while (steady::now() < end) {
      for (unsigned i = 0; i < updates_per_wait; ++i) update();
      steady::time_point begin = steady::now();
      (void)kmem_cache_free_barrier(cache_);
      waits_.push_back(us_of(steady::now() - begin));
    }
  }
  percentiles updates() const { return percentiles_of(updates_); }
  percentiles waits() const { return percentiles_of(waits_); }

 private:
  void update() {
    steady::time_point begin = steady::now();
    if (object* o = static_cast<object*>(kmem_cache_alloc(cache_, GFP_KERNEL))) kfree_rcu(o, head);
    updates_.push_back(us_of(steady::now() - begin));
  }
  kmem_cache* cache_;
  std::vector<double> updates_, waits_;
};

innocent_row measure(const approach_info* info, double seconds, traffic& threads) {
  innocent_row row;
  row.info = info;
  innocent who;
  ender other(info);
  std::uint64_t before = threads.counts().host_lookups;
  double began = threads.reader_seconds();
  who.work(seconds);
  double used = threads.reader_seconds() - began;
  double lookups = static_cast<double>(threads.counts().host_lookups - before);
  row.lookups_per_cpu_s = used > 0 ? lookups / used : 0;
  row.ended = other.stop();
  row.update_us = who.updates();
  row.wait_us = who.waits();
  return row;
}

}  // namespace

innocents_result run_innocents(unsigned rounds, traffic& threads, progress& show) {
  innocents_result result;
  report_catcher reports;
  result.seconds = 0.03 * rounds;
  show.detail("innocents: nobody ends caches");
  result.rows.push_back(measure(nullptr, result.seconds, threads));
  for (const approach_info& info : approaches()) {
    show.detail("innocents: {}", info.id);
    result.rows.push_back(measure(&info, result.seconds, threads));
    settle_caches();
  }
  result.problems = reports.first_few();
  show.step("innocents: {:.2f} s beside each approach", result.seconds);
  return result;
}

}  // namespace graceslab::lab
