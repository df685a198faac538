// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A thread that takes part in any of libcds' schemes.
#pragma once
#include <cds/init.h>

namespace graceslab::bench {

struct cds_member {
  cds_member() { cds::threading::Manager::attachThread(); }
  ~cds_member() { cds::threading::Manager::detachThread(); }
  cds_member(const cds_member&) = delete;
  cds_member& operator=(const cds_member&) = delete;
};

}  // namespace graceslab::bench
