// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A second translation unit: its statics come before or after those of the first, who knows.
#include "../static_order.hpp"

namespace {
user other{"second unit"};
graceslab::cache<payload> global{"second-unit"};
[[gnu::constructor(101)]] void very_early() { use_everything("constructor(101)", "early"); }
[[gnu::destructor(101)]] void very_late() { use_everything("destructor(101)", "late"); }
}  // namespace

graceslab::cache<payload>& second_units_cache() { return global; }
