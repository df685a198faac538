// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How much of the machine others used while we measured.
#pragma once
namespace graceslab::tool::bench {

class cpu_share {
 public:
  cpu_share();
  // Of all cores' time since the start: what neither we nor our children used, and nobody left
  // idle.
  double of_others() const;

 private:
  double busy_ = 0, all_ = 0, ours_ = 0;
};

}  // namespace graceslab::tool::bench
