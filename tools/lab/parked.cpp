// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Memory while a reader stays where it is and updates go on.
#include <graceslab/kernel/slab.h>

#include <atomic>
#include <graceslab/hazard_pointer.hpp>
#include <new>
#include <stdexcept>
#include <string_view>

#include "questions.hpp"
#include "reports.hpp"
#include "small_cache.hpp"

namespace graceslab::lab {
namespace {

constexpr unsigned steps = 10, updates_per_step = 4000;

struct to_its_cache {
  template <class T>
  void operator()(T* o) const {
    kfree(o);
  }
};
struct queued {
  rcu_head head;
};
struct object : queued, hazard_pointer_obj_base<object, to_its_cache> {
  char payload[200];
};

void free_object(rcu_head* head) { kfree(static_cast<object*>(reinterpret_cast<queued*>(head))); }

// One record that is replaced again and again.
class record {
 public:
  explicit record(std::string_view way) : way_(way) {
    unsigned flags = way == "typesafe" ? SLAB_TYPESAFE_BY_RCU : 0u;
    cache_ = kmem_cache_create("lab-parked", sizeof(object), 0, flags, nullptr);
    if (cache_ == nullptr) throw std::runtime_error("no memory for another cache");
    now_ = make();
  }
  ~record() {
    if (object* last = now_) kmem_cache_free(cache_, last);
    (void)kmem_cache_destroy_wait(cache_);
  }
  record(const record&) = delete;
  record& operator=(const record&) = delete;

  void replace() {
    object* next = make();
    if (next == nullptr) return;
    object* old = now_.exchange(next);
    if (way_ == "call_rcu")
      call_rcu(&old->head, free_object);
    else if (way_ == "typesafe")
      kmem_cache_free(cache_, old);
    else if (way_ == "hazard")
      old->retire();
    else
      gs_cache_retire(cache_, old);  // what kfree_rcu() does
  }
  void wait() {
    if (way_ == "call_rcu")
      rcu_barrier();
    else if (way_ == "hazard")
      gs_hazard_barrier();
    else
      (void)kmem_cache_free_barrier(cache_);
  }
  parked_sample look(std::uint64_t updates) const {
    gs_cache_stats s = {};
    (void)gs_cache_read_stats(cache_, &s);
    std::uint64_t out = s.live + s.retired - s.reclaimed;
    return {updates, out != 0 ? out - 1 : 0, s.resident_bytes};  // one is published
  }
  std::uint64_t shrunk_bytes() {
    (void)kmem_cache_shrink(cache_);
    return look(0).resident_bytes;
  }
  const std::atomic<object*>& published() const { return now_; }

 private:
  object* make() {
    void* memory = kmem_cache_alloc(cache_, GFP_KERNEL);
    return memory != nullptr ? new (memory) object : nullptr;
  }
  std::string_view way_;
  kmem_cache* cache_;
  std::atomic<object*> now_{nullptr};
};

parked_row measure(const parked_info& info) {
  parked_row row;
  row.info = &info;
  record r(info.id);
  bool hazard = std::string_view(info.id) == "hazard";
  std::optional<parked_reader> reader;
  hazard_pointer protection;
  if (hazard) {
    protection = make_hazard_pointer();
    (void)protection.protect(r.published());
  } else {
    reader.emplace();
  }
  row.samples.push_back(r.look(0));
  for (unsigned step = 1; step <= steps; ++step) {
    for (unsigned i = 0; i < updates_per_step; ++i) r.replace();
    row.samples.push_back(r.look(std::uint64_t{step} * updates_per_step));
  }
  using steady = std::chrono::steady_clock;
  steady::time_point begin = steady::now();
  if (hazard)
    protection.reset_protection();
  else
    reader->leave();
  r.wait();
  row.home_us = std::chrono::duration<double, std::micro>(steady::now() - begin).count();
  row.resident_after = r.shrunk_bytes();
  return row;
}

}  // namespace

parked_result run_parked(progress& show) {
  parked_result result;
  report_catcher reports;
  result.object_bytes = sizeof(object);
  for (const parked_info& info : parked_ways()) {
    show.detail("parked reader: {}", info.id);
    result.rows.push_back(measure(info));
    settle_caches();
  }
  result.problems = reports.first_few();
  show.step("parked reader: {} updates each", steps * updates_per_step);
  return result;
}

}  // namespace graceslab::lab
