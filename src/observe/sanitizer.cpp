// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What ASan cannot know of the memory that a report of it is about: whose object, and who had it.
#include "os/sanitizer.hpp"

#include "observe/observe.hpp"
#include "os/report.hpp"
#include "slab/heap.hpp"

namespace graceslab::observe {
namespace {

void tell(const void* address) noexcept {
  if (slab::cache_holding(address) != nullptr) return dump(address);
  if (slab::in_range(address))
    os::report(GS_REPORT_OBJECT, "%p belongs to no cache any more: its slab was given back",
               address);
}

[[gnu::constructor]] void start_telling() noexcept { os::on_address_report(tell); }

}  // namespace
}  // namespace graceslab::observe
