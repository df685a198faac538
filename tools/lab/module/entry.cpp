// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The module's one exported symbol.
#include "table.hpp"

namespace graceslab::lab::module {
namespace {

int start(const start_options* options) { return build(*options) ? 0 : -1; }

}  // namespace
}  // namespace graceslab::lab::module

extern "C" __attribute__((visibility("default"))) const graceslab::lab::module_api*
lab_module_entry() {
  namespace module = graceslab::lab::module;
  static constexpr graceslab::lab::module_api api = {
      module::start, module::lookup, module::replace,  module::withdraw,
      module::take,  module::stop,   module::misbehave};
  return &api;
}
