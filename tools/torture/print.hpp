// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a run found, for people and for programs.
#pragma once
#include "session.hpp"

namespace graceslab::torture {

void print_text(const options& o, const findings& f);
void print_json(const options& o, const findings& f);
void print_flaws();

}  // namespace graceslab::torture
