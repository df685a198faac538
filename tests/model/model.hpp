// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a model is written with: a suite of threads, data that races are looked for in, process-wide
// fences, futexes, and main(). Run with the name of an edge, the model must fail, and then the
// program succeeds.
#pragma once
#include <graceslab/detail/atomic.h>

// What public headers call at the end of the program; models include no file that defines it.
extern "C" [[gnu::weak]] void gs_owner_leave(void*) {}

namespace model {

// ---- plain data whose races are found ----
class data {
 public:
  void write(int v) {
    others_may_run();
    value_(RL_INFO) = v;
  }
  int read() {
    others_may_run();
    return value_(RL_INFO);
  }

 private:
  // Races show in the order of events, not in time; but another thread's heavy fence may fall in
  // between.
  static void others_may_run() {
    if (!exploring) return;
    switching guard;
    rl::ctx().sched();
  }
  rl::var<int> value_;
};

#define MODEL_ASSERT(x) RL_ASSERT(x)

// ---- the process-wide fence ----
// What membarrier(2) promises: a full fence of the caller before and after, and in between one of
// every other thread at some point of its own, each at its own time.
inline void heavy_fence(rl::debug_info_param at) {
  perform_all();
  if (weak(op::heavy_fence, how::drop, at)) return;
  switching guard;
  rl::atomic_thread_fence(rl::mo_seq_cst, at);
  for (unsigned i = 0; i != now.threads; ++i) {
    rl::ctx().sched();
    now.fence_of(i);
  }
  rl::atomic_thread_fence(rl::mo_seq_cst, at);
}

// ---- futex: the kernel compares with the newest value, under a lock of its own; waking orders
// nothing ----
template <class T>
void futex_wait(T* p, T expected, rl::debug_info_param at) {
  perform_all();
  shadow& s = shadow_of(p);
  switching guard;
  rl::ctx().sched();
  if (from_word<T>(s.atomic->value_) == expected) now.park(s.atomic->impl_, at);
}
template <class T>
void futex_wake(T* p, int how_many, rl::debug_info_param at) {
  perform_all();
  switching guard;
  rl::ctx().sched();
  now.unpark(shadow_of(p).atomic->impl_, how_many, at);
}

// ---- the suite: derive, give it prepare() and run(thread), and settled() if something is to hold
// at the end ----
template <class model_t, int n>
class suite : public rl::test_suite<model_t, n> {
 public:
  suite() {
    forget_shadows(false);
    plain_count = 0;
    now = {initial, end_release_sequence, fence_of, park, unpark, n};
    for (later& q : queues) q.count = q.passed = 0;
  }
  ~suite() { forget_shadows(true); }

  void before() {
    copy_locals(fresh_image, false);
    it().prepare();
    for (image& i : images) i = fresh_image;
  }
  void thread(unsigned i) {
    copy_locals(images[i], false);
    exploring = true;
    it().run(i);
    perform_all();
    copy_locals(images[i], true);
  }
  void after() {
    exploring = false;
    it().settled();
  }
  void settled() {}

 private:
  using info = rl::thread_info<n>;
  model_t& it() { return static_cast<model_t&>(*this); }
  static info& thread_info(unsigned i) {
    auto& mine = static_cast<rl::aligned<info>&>(static_cast<info&>(*rl::ctx().threadx_));
    return (&mine)[static_cast<int>(i) - mine.index_];
  }
  static unsigned initial(rl::atomic_data* d) {
    auto& all = *static_cast<rl::atomic_data_impl<n>*>(d);
    unsigned at = ++all.current_index_ % rl::atomic_history_size;
    auto& record = all.history_[at];
    record.busy_ = true;
    record.seq_cst_ = false;
    record.thread_id_ = 0;
    record.acq_rel_timestamp_ = 0;
    rl::foreach<n>(record.acq_rel_order_, rl::assign_zero);
    rl::foreach<n>(record.first_seen_order_, rl::assign<rl::timestamp_t(-1)>);
    return at;
  }
  // relacy follows C++11, where a relaxed store continues the release sequence of its own thread;
  // C++20 ended that.
  static void end_release_sequence(rl::atomic_data* d) {
    auto& all = *static_cast<rl::atomic_data_impl<n>*>(d);
    auto& record = all.history_[all.current_index_ % rl::atomic_history_size];
    rl::foreach<n>(record.acq_rel_order_,
                   static_cast<info&>(*rl::ctx().threadx_).release_fence_order_, rl::assign);
  }
  static void fence_of(unsigned i) {
    thread_info(i).atomic_thread_fence_seq_cst(rl::ctx().seq_cst_fence_order_);
  }
  static void park(rl::atomic_data* d, rl::debug_info_param at) {
    static_cast<rl::atomic_data_impl<n>*>(d)->futex_ws_.park_current(rl::ctx(), false, false, false,
                                                                     at);
  }
  static unsigned unpark(rl::atomic_data* d, int how_many, rl::debug_info_param at) {
    auto& waiters = static_cast<rl::atomic_data_impl<n>*>(d)->futex_ws_;
    unsigned woken = 0;
    while (how_many-- > 0 && waiters.unpark_one(rl::ctx(), at)) ++woken;
    return woken;
  }
};

// ---- main ----
inline bool is_violation(rl::test_result_e r) {
  switch (r) {
    case rl::test_result_user_assert_failed:
    case rl::test_result_data_race:
    case rl::test_result_deadlock:
    case rl::test_result_livelock:
      return true;
    default:
      return false;
  }
}

// How many schedules; the first violation ends the search.
struct effort {
  unsigned as_written = 60000;
  unsigned weakened = 400000;
};

// As written, and nothing else: for what hangs on the order of steps more than on that of memory.
template <class suite_t>
int run(effort e = {}) {
  rl::test_params params;
  std::ostream quiet(nullptr);
  params.progress_stream = &quiet;
  params.iteration_count = e.as_written;
  return rl::simulate<suite_t>(params) ? 0 : 1;
}

template <class suite_t, std::size_t edges>
int run(int argc, char** argv, const weakening (&table)[edges], effort e = {}) {
  if (argc == 1) return run<suite_t>(e);
  rl::test_params params;
  std::ostream quiet(nullptr);
  params.progress_stream = &quiet;
  unsigned found = 0;
  for (const weakening& w : table)
    if (std::strcmp(argv[1], w.name) == 0) weakened[found++] = &w;
  if (found == 0) {
    std::fprintf(stderr, "no edge '%s' in this model\n", argv[1]);
    return 2;
  }
  params.iteration_count = e.weakened;
  if (argc == 2) params.output_stream = &quiet;  // one more argument shows how it fails
  bool passed = rl::simulate<suite_t>(params);
  std::printf("without %s: %s, schedule %llu\n", argv[1],
              passed ? "NOTHING FOUND" : rl::test_result_str(params.test_result),
              static_cast<unsigned long long>(params.stop_iteration));
  return !passed && is_violation(params.test_result) ? 0 : 1;
}

}  // namespace model
