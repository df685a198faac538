// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// R6: what is called where nothing else goes on does not grow old first; what follows it soon does.
// Each in a process of its own, which would wait an hour.
#include "observed.hpp"

using namespace observed;

namespace {

constexpr int patience_ms = 50'000;
std::atomic<int> over{0};

outcome run_for_an_hour(const char* test) {
  return run_again(
      test, {"GRACESLAB_RETIRE_AGE_MS=3600000", "GRACESLAB_TEST_NO_POST=1", "GRACESLAB_LAZY=0"});
}

}  // namespace

TEST(LoneAgain, DISABLED_callback) {
  counted first{{}, &over}, second{{}, &over};
  call_rcu(&first.head, count_one);
  ASSERT_TRUE(within(patience_ms, [] { return over == 1; }));
  call_rcu(&second.head, count_one);
  pause_ms(50);
  EXPECT_EQ(over, 1);
  rcu_barrier();
  EXPECT_EQ(over, 2);
}

TEST(Lone, R6_a_callback_is_run_at_once) {
  const outcome o = run_for_an_hour("LoneAgain.DISABLED_callback");
  EXPECT_EQ(o.status, 0) << o.errors;
}

TEST(LoneAgain, DISABLED_lazy) {
  counted first{{}, &over};
  call_rcu(&first.head, count_one);
  pause_ms(50);
  EXPECT_EQ(over, 0);
  rcu_barrier();
  EXPECT_EQ(over, 1);
}

TEST(Lone, R6_unless_asked_to_be_lazy) {
  const outcome o = run_again(
      "LoneAgain.DISABLED_lazy",
      {"GRACESLAB_RETIRE_AGE_MS=3600000", "GRACESLAB_TEST_NO_POST=1", "GRACESLAB_LAZY=1"});
  EXPECT_EQ(o.status, 0) << o.errors;
}
