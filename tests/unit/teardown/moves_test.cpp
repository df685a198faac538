// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A4: docs/ordering/teardown.md is the specification of the legal moves; moves.hpp transcribes it.
#include "teardown/moves.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace graceslab;

const char* const names[] = {"open", "closing", "draining", "gone"};

std::string trimmed(const std::string& cell) {
  auto from = cell.find_first_not_of(' ');
  auto to = cell.find_last_not_of(' ');
  return from == std::string::npos ? "" : cell.substr(from, to - from + 1);
}

std::vector<std::string> cells(const std::string& line) {
  std::vector<std::string> all;
  std::stringstream row(line);
  std::string cell;
  std::getline(row, cell, '|');  // in front of the first
  while (std::getline(row, cell, '|')) all.push_back(trimmed(cell));
  return all;
}

std::string page_path() {
  return GRACESLAB_SOURCE
      "/docs/ordering/teardown.md";  // __FILE__ may be relative to a build folder
}

// The rows of the table under "## Legal moves".
std::set<std::pair<std::string, std::string>> documented() {
  std::ifstream page(page_path());
  EXPECT_TRUE(page) << page_path();
  std::set<std::pair<std::string, std::string>> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("## ", 0) == 0) inside = line == "## Legal moves";
    if (!inside || line.rfind("| ", 0) != 0) continue;
    auto row = cells(line);
    if (row.size() >= 4 && row[0] != "from" && row[0] != "---") rows.emplace(row[0], row[1]);
  }
  return rows;
}

TEST(TeardownMoves, A4_the_page_and_the_code_have_the_same_moves) {
  std::set<std::pair<std::string, std::string>> coded;
  for (const auto& m : teardown::legal_moves) coded.emplace(names[m.from], names[m.to]);
  EXPECT_EQ(coded, documented());
  EXPECT_EQ(coded.size(), std::size(teardown::legal_moves));
}

TEST(TeardownMoves, A4_every_other_move_is_illegal) {
  int legal = 0;
  for (int from = 0; from != 4; ++from)
    for (int to = 0; to != 4; ++to)
      legal += teardown::is_legal(static_cast<gs_stage>(from), static_cast<gs_stage>(to));
  EXPECT_EQ(legal, 4);
}

TEST(TeardownMoves, A4_a_move_is_made_once) {
  static slab::cache c;
  c.stage = GS_STAGE_OPEN;
  EXPECT_TRUE((teardown::move<GS_STAGE_OPEN, GS_STAGE_CLOSING>(c)));
  EXPECT_FALSE((teardown::move<GS_STAGE_OPEN, GS_STAGE_CLOSING>(c)));
  EXPECT_FALSE((teardown::move<GS_STAGE_DRAINING, GS_STAGE_GONE>(c)));
  EXPECT_TRUE((teardown::move<GS_STAGE_CLOSING, GS_STAGE_DRAINING>(c)));
  EXPECT_TRUE((teardown::move<GS_STAGE_DRAINING, GS_STAGE_GONE>(c)));
  EXPECT_TRUE((teardown::move<GS_STAGE_GONE, GS_STAGE_OPEN>(c)));
}

}  // namespace
