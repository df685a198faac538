// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a test has just retired or called it finds waiting: nothing is hurried because nothing else
// goes on, here and in the programs that tests run. Part of every program of tests.
#include <graceslab/detail/abi.h>

#include <cstdlib>

namespace {

[[gnu::constructor]] void be_lazy() {
  if (getenv("GRACESLAB_LAZY") != nullptr) return;
  setenv("GRACESLAB_LAZY", "1", 1);
  gs_config_set("GRACESLAB_LAZY", "1");
}

}  // namespace
