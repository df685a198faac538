// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <fstream>
#include <stdexcept>

#include "results.hpp"

namespace graceslab::tool::bench {

void write_html(const outcome& o, const std::string& file) {
  std::ofstream page(file);
  page << "<!doctype html><title>graceslab bench</title><p>" << o.seconds << " s";
  if (!page.flush()) throw std::runtime_error("cannot write " + file);
}

}  // namespace graceslab::tool::bench
