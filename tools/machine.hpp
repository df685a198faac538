// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What figures belong to.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "fields.hpp"

namespace graceslab::tool {

struct machine {
  std::string system, cpu, compiler, date, library;
  unsigned cores = 0;
  double mhz = 0;
};

machine this_machine();

// Under Google Benchmark's names, where it has one.
nlohmann::ordered_json json_of(const machine& m);
machine machine_of(const fields& from);

// The same as facts of a page; markup.
std::string facts_of(const machine& m);

}  // namespace graceslab::tool
