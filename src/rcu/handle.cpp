// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Page: docs/ordering/domains.md
#include "rcu/handle.hpp"

#include "os/busted.hpp"
#include "rcu/domain.hpp"

namespace graceslab::rcu {

lease::lease(domain_ref r, bool may_ask) noexcept {
  if (r.handle == 0) return;
  lent_ = r.record;
  // ORDER domains.lend <-> domains.reuse   (docs/ordering/domains.md, claim 2)
  // ORDER domains.lend <-> domains.end     (claim 2)
  // We say that we have it and then look whose it is; who reuses it took the handle away and then
  // looks whether anybody has it.
  (void)gs_fetch_add(&lent_->lent, 1u);
  good_ = gs_load_seq_cst(&lent_->handle) == r.handle || (may_ask && named(r));
  os::open_window();
}

lease::~lease() {
  // ORDER domains.back <-> domains.reuse   (docs/ordering/domains.md, claim 2)
  if (lent_ != nullptr) (void)gs_fetch_sub(&lent_->lent, 1u);
}

}  // namespace graceslab::rcu
