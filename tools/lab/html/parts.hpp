// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Parts of the laboratory's page, and how it says times and sizes.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "../findings.hpp"

namespace graceslab::lab::html {

// One of the numbered questions has its own section; `markup` is below its heading.
std::string section(const std::string& id, const std::string& title, const std::string& markup);
std::string paragraph(const std::string& text);  // escaped
std::string card(const std::string& title, const std::string& markup);
// What the library reported, where it should have had nothing to say.
std::string problems_of(const std::vector<std::string>& problems);

std::string time_text(double us);  // with a unit that suits
std::string bytes_text(std::uint64_t bytes);
double ms(double us);
// What a plot of such times is in: microseconds, or milliseconds where one of them is that long.
struct unit {
  double us;
  const char* name;
};
unit unit_for(double longest_us);
std::string percentiles_text(const percentiles& p);
std::string link_to(const approach_info& info);
// Of the run, or nullptr.
const approach_result* result_of(const findings& f, approach which);
const small_row* small_of(const findings& f, approach which);

std::string head_of_page(const findings& f);
std::string overview(const findings& f);
std::string approach_by_approach(const findings& f);
std::string many_caches(const findings& f);
std::string one_of_many(const findings& f);
std::string parked_memory(const findings& f);
std::string chains_of_callbacks(const findings& f);
std::string bystanders(const findings& f);
std::string mistakes(const findings& f);
std::string advice(const findings& f);
std::string method(const findings& f);

}  // namespace graceslab::lab::html
