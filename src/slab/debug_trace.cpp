// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/debug_trace.hpp"

#include "os/clock.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"

namespace graceslab::slab {
namespace {

// A handler of reports may use the very cache.
__thread bool tracing __attribute__((tls_model("initial-exec")));

}  // namespace

void trace_slowly(const cache& c, const char* event, const void* object, std::size_t bytes,
                  const void* site) noexcept {
  if (tracing) return;
  tracing = true;
  char where[160] = "the library";
  if (site != nullptr) os::describe_address(site, where, sizeof where);
  os::report(GS_REPORT_TRACE, "%s %p of cache '%s' #%u, %zu bytes, thread %u, %llu ms, by %s",
             event, object, c.name, c.id, bytes, os::tid(),
             static_cast<unsigned long long>(os::now_ms()), where);
  tracing = false;
}

}  // namespace graceslab::slab
