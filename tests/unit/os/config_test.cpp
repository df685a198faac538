// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Contract R14: defaults and limits are settable by API and environment, and shown.
#include "os/config.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "os/fence.hpp"

namespace {

using namespace graceslab;

std::string text_of_last_report;

void take(gs_report, const char* text, size_t bytes, void*) {
  text_of_last_report.assign(text, bytes);
}

class Config : public testing::Test {
 protected:
  void SetUp() override {
    text_of_last_report.clear();
    gs_report_set_handler(take, nullptr);
  }
  void TearDown() override { gs_report_set_handler(nullptr, nullptr); }

  static std::map<std::string, std::string> values() {
    std::vector<gs_config_item> items(gs_config_items(nullptr, 0));
    gs_config_items(items.data(), items.size());
    std::map<std::string, std::string> found;
    for (const gs_config_item& item : items) found[item.variable] = item.value;
    return found;
  }
};

TEST_F(Config, ItemsListEverySettingWithDefaultAndMeaning) {
  std::vector<gs_config_item> items(gs_config_items(nullptr, 0));
  ASSERT_EQ(gs_config_items(items.data(), items.size()), items.size());
  EXPECT_GE(items.size(), 17u);
  for (const gs_config_item& item : items) {
    EXPECT_EQ(std::string(item.variable).rfind("GRACESLAB_", 0), 0u);
    EXPECT_NE(std::string(item.meaning), "");
    if (!std::getenv(item.variable)) {
      EXPECT_STREQ(item.value, item.fallback) << item.variable;
    }
  }
}

TEST_F(Config, DefaultsInTheTableAreTheDefaultsInForce) {
  std::vector<gs_config_item> items(gs_config_items(nullptr, 0));
  gs_config_items(items.data(), items.size());
  const os::config before = os::settings;
  for (const gs_config_item& item : items) {
    const std::string name = item.variable;
    if (std::getenv(item.variable) || name == "GRACESLAB_FENCE" || name == "GRACESLAB_TRACE")
      continue;  // which are refused now
    EXPECT_EQ(gs_config_set(item.variable, item.fallback), 0) << item.variable;
  }
  EXPECT_EQ(before.destroy, os::settings.destroy);
  EXPECT_EQ(before.abort_on_violation, os::settings.abort_on_violation);
  EXPECT_EQ(before.stall_ms, os::settings.stall_ms);
  EXPECT_EQ(before.linger_splat_ms, os::settings.linger_splat_ms);
  EXPECT_EQ(before.at_exit, os::settings.at_exit);
  EXPECT_EQ(before.exit_ms, os::settings.exit_ms);
  EXPECT_EQ(before.barrier_covers_retire, os::settings.barrier_covers_retire);
  EXPECT_EQ(before.owner_protection, os::settings.owner_protection);
  EXPECT_EQ(before.stack_signal, os::settings.stack_signal);
  EXPECT_EQ(before.retire_age_ms, os::settings.retire_age_ms);
  EXPECT_EQ(before.park_age_ms, os::settings.park_age_ms);
  EXPECT_EQ(before.callback_batch, os::settings.callback_batch);
  EXPECT_EQ(before.callback_cap_ms, os::settings.callback_cap_ms);
  EXPECT_EQ(before.callback_workers, os::settings.callback_workers);
  EXPECT_EQ(before.retire_threshold, os::settings.retire_threshold);
  EXPECT_EQ(before.pending_limit, os::settings.pending_limit);
  EXPECT_EQ(before.pressure, os::settings.pressure);
  EXPECT_EQ(before.background, os::settings.background);
}

TEST_F(Config, SetsNumbersFlagsAndChoices) {
  EXPECT_EQ(gs_config_set("GRACESLAB_STALL_MS", "250"), 0);  // below 3000 is obeyed
  EXPECT_EQ(os::settings.stall_ms, 250u);
  EXPECT_EQ(values()["GRACESLAB_STALL_MS"], "250");
  EXPECT_EQ(gs_config_set("GRACESLAB_DESTROY", "wait"), 0);
  EXPECT_EQ(os::settings.destroy, GS_POLICY_WAIT);
  EXPECT_EQ(values()["GRACESLAB_DESTROY"], "wait");
  EXPECT_EQ(gs_config_set("GRACESLAB_EXIT", "strict"), 0);
  EXPECT_EQ(os::settings.at_exit, os::exit_policy::strict);
  EXPECT_EQ(gs_config_set("GRACESLAB_OWNER_PROTECTION", "0"), 0);
  EXPECT_FALSE(os::settings.owner_protection);
  EXPECT_EQ(text_of_last_report, "");
  gs_config_set("GRACESLAB_STALL_MS", "21000");
  gs_config_set("GRACESLAB_DESTROY", "linger");
  gs_config_set("GRACESLAB_EXIT", "drain");
  gs_config_set("GRACESLAB_OWNER_PROTECTION", "1");
}

// R14: what is shown is what is in force, whoever changed it.
TEST_F(Config, R14_ShowsWhatOtherCallsChanged) {
  auto shown = [](const std::string& variable) -> std::string {
    std::vector<gs_config_item> items(gs_config_items(nullptr, 0));
    gs_config_items(items.data(), items.size());
    for (const gs_config_item& item : items)
      if (item.variable == variable) return item.value;
    return "no such setting";
  };
  const int covered = gs_barrier_covers_retire(nullptr, 1);
  EXPECT_EQ(shown("GRACESLAB_BARRIER_COVERS_RETIRE"), "1");
  gs_barrier_covers_retire(nullptr, 0);
  EXPECT_EQ(shown("GRACESLAB_BARRIER_COVERS_RETIRE"), "0");
  gs_barrier_covers_retire(nullptr, covered);
  const int was = gs_owner_protection(0);
  EXPECT_EQ(shown("GRACESLAB_OWNER_PROTECTION"), "0");
  gs_owner_protection(was);
  os::settings.destroy = GS_POLICY_WAIT;
  EXPECT_EQ(shown("GRACESLAB_DESTROY"), "wait");
  os::settings.destroy = GS_POLICY_LINGER;
  EXPECT_EQ(shown("GRACESLAB_DESTROY"), "linger");
  os::settings.stall_ms = 77;
  EXPECT_EQ(shown("GRACESLAB_STALL_MS"), "77");
  os::settings.stall_ms = 21000;
  EXPECT_EQ(shown("GRACESLAB_FENCE"), "auto");
}

// R14: what is not obeyed is refused, and what may be set is listed.
TEST_F(Config, R14_TakesSuffixesAndListsWhatIsLegal) {
  EXPECT_EQ(gs_config_set("GRACESLAB_PENDING_LIMIT", "64M"), 0);
  EXPECT_EQ(os::settings.pending_limit, std::uint64_t{64} << 20);
  EXPECT_EQ(gs_config_set("GRACESLAB_PENDING_LIMIT", "3g"), 0);
  EXPECT_EQ(os::settings.pending_limit, std::uint64_t{3} << 30);
  EXPECT_EQ(values()["GRACESLAB_PENDING_LIMIT"], "3221225472");
  EXPECT_EQ(gs_config_set("GRACESLAB_RETIRE_THRESHOLD", "8K"), 0);
  EXPECT_EQ(os::settings.retire_threshold, 8192u);
  EXPECT_EQ(text_of_last_report, "");
  for (const char* bad : {"64MB", "M", "1.5M", "64 M", "99999999T", "-1K"})
    EXPECT_EQ(gs_config_set("GRACESLAB_PENDING_LIMIT", bad), -EINVAL) << bad;
  EXPECT_EQ(os::settings.pending_limit, std::uint64_t{3} << 30);
  gs_config_set("GRACESLAB_PENDING_LIMIT", "0");

  std::map<std::string, std::string> legal;
  std::vector<gs_config_item> items(gs_config_items(nullptr, 0));
  gs_config_items(items.data(), items.size());
  for (const gs_config_item& item : items) legal[item.variable] = item.legal;
  EXPECT_EQ(legal["GRACESLAB_DESTROY"], "linger|report|wait");
  EXPECT_EQ(legal["GRACESLAB_CALLBACK_WORKERS"], "1 to 16");
  EXPECT_EQ(legal["GRACESLAB_STACK_SIGNAL"], "0, 34 to 64");
  EXPECT_NE(legal["GRACESLAB_PENDING_LIMIT"].find("K, M, G, T"), std::string::npos);
}

TEST_F(Config, RefusesWhatItDoesNotUnderstand) {
  const std::string far_too_long(2000, 'x');
  const char* bad[][2] = {
      {"GRACESLAB_STALL_MS", ""},         {"GRACESLAB_STALL_MS", "0"},
      {"GRACESLAB_STALL_MS", "-5"},       {"GRACESLAB_STALL_MS", "12s"},
      {"GRACESLAB_STALL_MS", " 12"},      {"GRACESLAB_STALL_MS", "99999999999999999999999"},
      {"GRACESLAB_DESTROY", "lingering"}, {"GRACESLAB_DESTROY", "linger|report"},
      {"GRACESLAB_DESTROY", ""},          {"GRACESLAB_OWNER_PROTECTION", "yes"},
      {"GRACESLAB_STACK_SIGNAL", "65"},   {"GRACESLAB_NONSENSE", "1"},
      {"GRACESLAB_FENCE", "reader"},      {"GRACESLAB_CALLBACK_WORKERS", "64"},
      {"GRACESLAB_STACK_SIGNAL", "9"},    {"GRACESLAB_CALLBACK_WORKERS", "0"},
      {"GRACESLAB_TRACE", "4M"},          {"GRACESLAB_TRACE_FILE", far_too_long.c_str()},
  };
  const os::config before = os::settings;
  for (auto& [variable, value] : bad) {
    text_of_last_report.clear();
    EXPECT_EQ(gs_config_set(variable, value), -EINVAL) << variable << "=" << value;
    EXPECT_EQ(text_of_last_report.rfind("graceslab: bad-config: ", 0), 0u) << text_of_last_report;
    EXPECT_NE(text_of_last_report.find(variable), std::string::npos) << text_of_last_report;
  }
  EXPECT_EQ(before.stall_ms, os::settings.stall_ms);
  EXPECT_EQ(before.destroy, os::settings.destroy);
}

// The environment is read before main: look at a second process. A death test of the "threadsafe"
// style runs the program anew, so the child starts with the environment set here.
[[noreturn]] void show_and_exit() {
  std::fprintf(stderr, "stall=%llu destroy=%d fence=%d",
               static_cast<unsigned long long>(os::settings.stall_ms), os::settings.destroy,
               static_cast<int>(os::fence_mode()));
  std::_Exit(0);
}

TEST_F(Config, EnvironmentIsReadAtStart) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("GRACESLAB_STALL_MS", "777", 1);
  setenv("GRACESLAB_DESTROY", "report", 1);
  setenv("GRACESLAB_FENCE", "reader", 1);
  EXPECT_EXIT(show_and_exit(), testing::ExitedWithCode(0), "stall=777 destroy=2 fence=1");
  unsetenv("GRACESLAB_STALL_MS");
  unsetenv("GRACESLAB_DESTROY");
  unsetenv("GRACESLAB_FENCE");
}

TEST_F(Config, R14_UnknownVariablesOfTheEnvironmentAreReportedOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("GRACESLAB_STAL_MS", "777", 1);
  setenv("GRACESLAB_NO_SUCH", "1", 1);
  EXPECT_EXIT(show_and_exit(), testing::ExitedWithCode(0),
              "^graceslab: bad-config: no such setting in the environment:"
              "( GRACESLAB_STAL_MS| GRACESLAB_NO_SUCH)+\nstall=21000");
  unsetenv("GRACESLAB_STAL_MS");
  unsetenv("GRACESLAB_NO_SUCH");
}

TEST_F(Config, BadEnvironmentIsReportedAndTheDefaultStays) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  setenv("GRACESLAB_STALL_MS", "soon", 1);
  EXPECT_EXIT(
      show_and_exit(), testing::ExitedWithCode(0),
      "graceslab: bad-config: GRACESLAB_STALL_MS=soon: expected a number(.|\n)*stall=21000");
  unsetenv("GRACESLAB_STALL_MS");
}

}  // namespace
