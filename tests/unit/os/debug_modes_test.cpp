// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The kernel's words for debug modes, and what they mean for a name.
#include "os/debug_modes.hpp"

#include <graceslab/detail/abi.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

namespace {

using namespace graceslab;

std::string reported;
unsigned reports;

void take(gs_report kind, const char* text, size_t bytes, void*) {
  EXPECT_EQ(kind, GS_REPORT_BAD_CONFIG);
  reported.append(text, bytes);
  ++reports;
}

class DebugModes : public testing::Test {
 protected:
  void SetUp() override {
    reported.clear();
    reports = 0;
    gs_report_set_handler(take, nullptr);
  }
  void TearDown() override {
    os::set_debug_modes("-");
    gs_report_set_handler(nullptr, nullptr);
  }
};

std::string letters(unsigned modes) {
  std::string all;
  for (unsigned i = 0; i != 5; ++i)
    if ((modes >> i & 1) != 0) all += "FZPUT"[i];
  return all;
}

TEST_F(DebugModes, R14_of_a_name) {
  const struct {
    const char *blocks, *name, *letters;
  } rows[] = {
      {"", "any", ""},
      {"-", "any", ""},
      {"F", "any", "F"},
      {"fzput", "any", "FZPUT"},
      {"TUPZF", "any", "FZPUT"},
      {"FZ-P", "any", "P"},
      {"FZ,one", "one", "FZ"},
      {"FZ,one", "other", ""},
      {",one", "one", "FZPU"},
      {",one,two", "two", "FZPU"},
      {"F,one,,two", "two", "F"},
      {"F;-,one", "one", ""},
      {"F;-,one", "two", "F"},
      {"-,one;F", "one", ""},
      {"F;Z", "any", "Z"},       // of blocks without names the last
      {"F,a*;Z,ab", "ab", "F"},  // of those with names the first
      {"F,a*;Z,ab;P", "ab", "F"},
      {";;F;;", "any", "F"},
      {"F,kmalloc-*", "kmalloc-64", "F"},
      {"F,kmalloc-*", "kmalloc-", "F"},
      {"F,kmalloc-*", "xkmalloc-64", ""},
      {"F,*", "", "F"},
      {"F,kmalloc-?", "kmalloc-8", "F"},
      {"F,kmalloc-?", "kmalloc-64", ""},
      {"F,*-64", "kmalloc-64", "F"},
      {"F,*-64", "kmalloc-640", ""},
      {"F,a*b*c", "a-b-b-c", "F"},
      {"F,a*b*c", "a-c-b", ""},
      {"F,with blank", "with blank", "F"},
      {"F,long", "lon", ""},
      {"F,lon", "long", ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(os::set_debug_modes(row.blocks), 0) << row.blocks;
    EXPECT_EQ(letters(os::debug_modes_of(row.name)), row.letters)
        << row.blocks << " of " << row.name;
  }
  EXPECT_EQ(reports, 0u) << reported;
}

TEST_F(DebugModes, R14_what_is_not_understood_is_named_once_and_the_rest_holds) {
  const struct {
    const char *blocks, *name, *letters, *said;
  } rows[] = {
      {"FXZ", "any", "FZ", "unknown letters: 'X' ("},
      {"XQX;QF,one", "one", "F", "unknown letters: 'X', 'Q' ("},
      {"F Z", "any", "FZ", "unknown letters: ' ' ("},
      {"A", "any", "", "unknown letters: 'A' ("},
      {"F,;Z,one", "one", "Z", "no name behind a comma"},
      {"F,", "any", "", "no name behind a comma"},
  };
  for (const auto& row : rows) {
    reported.clear();
    reports = 0;
    EXPECT_EQ(os::set_debug_modes(row.blocks), -EINVAL) << row.blocks;
    EXPECT_EQ(letters(os::debug_modes_of(row.name)), row.letters) << row.blocks;
    EXPECT_EQ(reports, 1u) << row.blocks;
    EXPECT_NE(reported.find(row.said), std::string::npos) << reported;
    EXPECT_EQ(reported.find('\n'), reported.size() - 1) << reported;
  }
}

TEST_F(DebugModes, R14_more_stand_behind_those_in_force) {
  EXPECT_EQ(os::set_debug_modes("F,one;Z"), 0);
  EXPECT_EQ(os::add_debug_modes("P,one,two;U"), 0);
  EXPECT_STREQ(os::debug_modes_text(), "F,one;Z;P,one,two;U");
  EXPECT_EQ(letters(os::debug_modes_of("one")), "F");
  EXPECT_EQ(letters(os::debug_modes_of("two")), "P");
  EXPECT_EQ(letters(os::debug_modes_of("three")), "U");
  EXPECT_EQ(os::set_debug_modes(""), 0);
  EXPECT_STREQ(os::debug_modes_text(), "-");
  EXPECT_EQ(os::add_debug_modes("T"), 0);
  EXPECT_STREQ(os::debug_modes_text(), "T");
}

TEST_F(DebugModes, R14_too_many_are_refused_whole) {
  EXPECT_EQ(os::set_debug_modes("F"), 0);
  EXPECT_EQ(os::add_debug_modes(std::string(1020, 'Z').c_str()), 0);
  EXPECT_EQ(os::add_debug_modes("P"), -E2BIG);
  EXPECT_EQ(os::set_debug_modes(("F," + std::string(1022, 'x')).c_str()), -E2BIG);
  EXPECT_EQ(reports, 2u) << reported;
  EXPECT_EQ(letters(os::debug_modes_of("any")), "Z");
}

TEST_F(DebugModes, R14_letters_are_given_where_one_is_in_force) {
  EXPECT_EQ(os::set_debug_modes("-,one"), 0);
  EXPECT_FALSE(os::debug_modes_given());
  EXPECT_EQ(os::set_debug_modes(";;T,one"), 0);
  EXPECT_TRUE(os::debug_modes_given());
}

TEST_F(DebugModes, R14_names_that_no_cache_has_are_known) {
  char text[64];
  EXPECT_EQ(os::set_debug_modes("F,one,tw*;Z,th?ee,four"), 0);
  (void)os::debug_modes_of("two");
  (void)os::debug_modes_of("three");
  EXPECT_GT(os::debug_names_unmatched(text, sizeof text), 0u);
  EXPECT_STREQ(text, " one four");
  EXPECT_EQ(os::set_debug_modes("F"), 0);
  EXPECT_EQ(os::debug_names_unmatched(text, sizeof text), 0u);
}

// R14: shown and set as every other setting.
TEST_F(DebugModes, R14_by_the_settings) {
  EXPECT_EQ(gs_config_set("GRACESLAB_DEBUG", "FZ,one"), 0);
  EXPECT_EQ(gs_debug_caches("P,two"), 0);
  gs_config_item items[64];
  const size_t n = gs_config_items(items, 64);
  std::string shown;
  for (size_t i = 0; i != n; ++i)
    if (std::string(items[i].variable) == "GRACESLAB_DEBUG") shown = items[i].value;
  EXPECT_EQ(shown, "FZ,one;P,two");
  EXPECT_EQ(gs_config_set("GRACESLAB_DEBUG", "FX"), -EINVAL);
  EXPECT_EQ(letters(os::debug_modes_of("one")), "F");
}

}  // namespace
