// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Writing a record that type-safe readers may still look at.
#pragma once
#include "table.hpp"

namespace graceslab::lab::module {

void write_record(record* r, const range& from);

}  // namespace graceslab::lab::module
