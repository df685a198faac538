// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The end of the process, or of a module, while hazard pointers protect: who is waited for, who is
// told. Contract I4, I8.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>

#include "child_process.hpp"
#include "loaded_module.hpp"
#include "setting.hpp"
#include "watched.hpp"

namespace {

using namespace watched;

child_result end_as(const char* role, const std::vector<std::string>& settings = {}) {
  return run_child({GRACESLAB_CHILD_DIR "/hazard_exit", role}, settings);
}

long ended(const child_result& child) {
  return std::count(child.out.begin(), child.out.end(), '.');
}

TEST(HazardExit, I8_what_nobody_protects_has_ended) {
  for (const char* policy : {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict"}) {
    const child_result child = end_as("retires", {policy});
    EXPECT_TRUE(child.fine()) << child.story();
    EXPECT_EQ(ended(child), 500) << policy << child.story();
    EXPECT_FALSE(child.reported_anything()) << child.story();
  }
}

TEST(HazardExit, I8_leave_waits_for_nobody_and_says_nothing) {
  for (const char* role : {"retires", "held", "held_here", "held_cache", "slow_deleter"}) {
    const child_result child = end_as(role, {"GRACESLAB_EXIT=leave", "GRACESLAB_EXIT_MS=30000"});
    EXPECT_TRUE(child.fine()) << role << child.story();
    EXPECT_FALSE(child.reported_anything()) << child.story();
  }
}

TEST(HazardExit, I8_a_protector_is_named_at_the_deadline) {
  const child_result child = end_as("held", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(ended(child), 100) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
  EXPECT_CONTAINS(child.err, "1 object retired under hazard pointers: object 0x");
  EXPECT_CONTAINS(child.err, "by a hazard pointer made by thread ");
  EXPECT_GE(child.took_ms, 200) << child.story();
}

TEST(HazardExit, I8_the_thread_that_exits_does_not_wait_for_itself) {
  for (const char* policy : {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict"}) {
    const child_result child = end_as("held_here", {policy, "GRACESLAB_EXIT_MS=30000"});
    EXPECT_TRUE(child.fine()) << policy << child.story();
    EXPECT_TRUE(child.reported("exit-undrained")) << policy << child.story();
  }
}

// Rather for ever than undrained: it is killed here, once it has said why it waits.
TEST(HazardExit, I8_strict_waits_for_a_protector_and_names_it) {
  child_result child;
  for (int ms = 1500; ms < 30'000 && !contains(child.err, "exit has waited for"); ms *= 4) {
    child =
        run_child({GRACESLAB_CHILD_DIR "/hazard_exit", "held"},
                  {"GRACESLAB_EXIT=strict", "GRACESLAB_EXIT_MS=1", "GRACESLAB_STALL_MS=100"}, ms);
    ASSERT_TRUE(child.timed_out) << child.story();
  }
  EXPECT_TRUE(child.reported("stall")) << child.story();
  EXPECT_CONTAINS(child.err, "exit has waited for at least");
}

TEST(HazardExit, I8_statics_end_in_their_order_and_in_silence) {
  const child_result child = end_as("statics");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(ended(child), 101) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

TEST(HazardExit, I8_a_static_cache_waits_for_a_protector_to_the_deadline) {
  const child_result child = end_as("held_cache", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
}

TEST(HazardExit, I8_a_deleter_may_exit) {
  for (const char* policy :
       {"GRACESLAB_EXIT=drain", "GRACESLAB_EXIT=strict", "GRACESLAB_EXIT=leave"}) {
    const child_result child = end_as("in_deleter", {policy});
    EXPECT_TRUE(child.fine()) << policy << child.story();
  }
}

TEST(HazardExit, I8_a_deleter_that_does_not_return_is_told_of) {
  const child_result child = end_as("slow_deleter", {"GRACESLAB_EXIT_MS=200"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("exit-undrained")) << child.story();
  EXPECT_CONTAINS(child.err, "deleters have not returned");
}

TEST(HazardExit, I8_what_a_callback_retires_at_the_end_has_ended) {
  const child_result child = end_as("callback_retires", {"GRACESLAB_EXIT=strict"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(ended(child), 1) << child.story();
  EXPECT_FALSE(child.reported_anything()) << child.story();
}

// Only what was retired before is waited for, and the round after that ends at some time.
TEST(HazardExit, I8_strict_ends_though_others_go_on_retiring) {
  for (const char* role : {"goes_on", "goes_on_static"}) {
    const child_result child = end_as(role, {"GRACESLAB_EXIT=strict"});
    EXPECT_TRUE(child.fine()) << role << child.story();
  }
}

// ---- modules ----

TEST(HazardUnload, I4_deleters_run_before_their_code_goes) {
  reports seen;
  loaded_module m("hazard");
  m.start();
  m.api().post(500);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 500u);
}

TEST(HazardUnload, I4_an_unload_names_the_protector_and_waits_for_it) {
  reports seen;
  setting stall("GRACESLAB_STALL_MS", "20", "21000");
  loaded_module m("hazard");
  m.start();
  void* kept = m.api().keep();
  gate there, leave;
  int tid = 0;
  std::thread protector([&] {
    gs_hazard_slot* slot = gs_hazard_take();
    gs_hazard_announce(slot, kept);
    tid = gettid();
    there.open();
    leave.pass();
    gs_hazard_give(slot);
  });
  there.pass();
  m.api().post(100);
  std::thread closer([&] { EXPECT_TRUE(m.unload()); });
  EXPECT_TRUE(eventually([&] { return contains(seen.text(GS_REPORT_STALL), "the end of "); }))
      << seen.everything();
  EXPECT_CONTAINS(seen.text(GS_REPORT_STALL), "hazard.so");
  EXPECT_CONTAINS(seen.text(GS_REPORT_STALL), "thread " + std::to_string(tid));
  EXPECT_EQ(gs_load_relaxed(&m.counts.ran), 99u);
  leave.open();
  protector.join();
  closer.join();
  EXPECT_EQ(m.counts.ran, 100u);
  EXPECT_GE(seen.count(GS_REPORT_OWNER_UNLOADED), 1u) << seen.everything();
}

// It would wait for itself: the object leaks, its deleter is never called, and it is said.
TEST(HazardUnload, I4_an_unload_does_not_wait_for_its_own_thread) {
  reports seen;
  loaded_module m("hazard");
  m.start();
  void* kept = m.api().keep();
  gs_hazard_slot* slot = gs_hazard_take();
  gs_hazard_announce(slot, kept);
  m.api().post(100);
  EXPECT_TRUE(m.unload());
  EXPECT_EQ(m.counts.ran, 99u);
  EXPECT_CONTAINS(seen.text(GS_REPORT_OWNER_UNLOADED), "and leaked");
  gs_hazard_give(slot);
  EXPECT_EQ(m.counts.ran, 99u);
}

}  // namespace
