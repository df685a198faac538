// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What `graceslab top` shows: two looks at a process, one after the other, as rows with rates.
#pragma once
#include <string>
#include <vector>

#include "observe/client.hpp"

namespace graceslab::tool::observe {

struct domain_row {
  gs_observe_domain now;
  double grace_periods_per_s, callbacks_per_s;
  std::uint64_t callbacks_queued() const { return now.callbacks_posted - now.callbacks_invoked; }
};

struct cache_row {
  gs_observe_cache now;
  double retired_per_s, reclaimed_per_s;
  double used_percent() const;
};

struct view {
  double seconds = 0;  // between the two looks
  std::vector<domain_row> domains;
  std::vector<cache_row> caches;
};

// Rates are 0 for what was not there before.
view compare(const snapshot& before, snapshot now);

// What rows are sorted by, largest first but for names; each has a key in the terminal.
struct order {
  char key;
  const char* name;
  bool (*before)(const cache_row& a, const cache_row& b);
};
const std::vector<order>& orders();
void sort(std::vector<cache_row>& rows, const order& by);

const char* stage_name(std::uint32_t stage);
const char* policy_name(std::uint32_t policy);

// Lines of text, for a terminal and for --plain.
std::string domain_header();
std::string cache_header();
std::string line_of(const domain_row& row);
std::string line_of(const cache_row& row);
std::string json_of(std::uint32_t pid, const view& v, int indent);

}  // namespace graceslab::tool::observe
