// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The laboratory's findings, as tables for people and as JSON.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "approach.hpp"
#include "input.hpp"
#include "many.hpp"
#include "unsafe.hpp"

namespace graceslab::lab {

struct findings {
  const input* table = nullptr;
  load work;
  unsigned readers = 0;
  unsigned updaters = 0;
  std::vector<approach_result> approaches;
  std::vector<unsafe_result> unsafe;
  std::optional<many_result> many;
  double seconds = 0;

  // Every approach kept its promise and every unsafe variant was caught.
  bool good() const;
};

void print_tables(const findings& f);
void print_json(const findings& f);

}  // namespace graceslab::lab
