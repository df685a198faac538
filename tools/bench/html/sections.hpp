// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Parts of the page.
#pragma once
#include <string>

#include "plots.hpp"

namespace graceslab::tool::bench::html {

std::string head_of_page(const outcome& o);
std::string targets(const outcome& o);
// All groups of workloads, each with its plots and tables.
std::string groups(const outcome& o);
// The anchor of a group.
std::string place_of(const std::string& group);

}  // namespace graceslab::tool::bench::html
