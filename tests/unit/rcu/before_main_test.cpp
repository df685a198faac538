// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A callback that is posted before main().
#include "observed.hpp"

using namespace observed;

namespace {

std::atomic<int> ran_before_main;
counted posted_before_main = {{}, &ran_before_main};
[[gnu::constructor]] void post_before_main() {
  if (!getenv("GRACESLAB_TEST_NO_POST")) call_rcu(&posted_before_main.head, count_one);
}

// Its grace period is over before any test of this program holds one up or counts them.
class at_rest : public testing::Environment {
  void SetUp() override {
    if (!getenv("GRACESLAB_TEST_NO_POST")) rcu_barrier();
  }
};
[[maybe_unused]] const auto* const begins_at_rest = testing::AddGlobalTestEnvironment(new at_rest);

}  // namespace

TEST(Callback, R6_legal_before_main) {
  EXPECT_TRUE(within(5000, [] { return ran_before_main == 1; }));
}
