// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What is said of each approach whatever a run measures. Figures never stand here.
#pragma once
#include "../findings.hpp"

namespace graceslab::lab::html {

struct prose {
  approach which;
  const char* title;
  const char* code;  // the exit function
  const char* idea;
  const char* advantage;
  const char* price;
  const char* when;
};
const prose& prose_of(approach which);

}  // namespace graceslab::lab::html
