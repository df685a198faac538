// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/module.hpp"

#include <graceslab/detail/atomic.h>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/hooks.hpp"
#include "os/keep_errno.hpp"
#include "os/patient_lock.hpp"
#include "os/symbol.hpp"

extern "C" {
extern void* __dso_handle __attribute__((visibility("hidden")));
int __cxa_atexit(void (*run)(void*), void* arg, void* dso);
}

namespace graceslab::os {
namespace {

std::uint32_t begun;
std::uint64_t begun_ns;
std::uint32_t watches;
// The C library takes a lock for each handler, and forgets in a child that a thread of the parent
// had it: every exit there would wait for it, and every new handler.
constinit patient_lock handler_lock;

void note_exit(void*) noexcept {
  if (gs_load_relaxed(&begun) == 0) gs_store_relaxed(&begun_ns, now_ns());
  gs_store_relaxed(&begun, 1u);
}

bool add_handler(void (*run)(void*), void* arg, void* dso) noexcept {
  patient_guard hold(handler_lock);
  return __cxa_atexit(run, arg, dso) == 0;
}

[[gnu::constructor(102)]] void start_modules() noexcept {
  on_fork({fork_rank_handlers, [] { handler_lock.hold_for_fork(); },
           [] { handler_lock.drop_in_parent(); }, [] { handler_lock.reset_in_child(); }});
}

}  // namespace

bool in_main_program(const void* address) noexcept { return is_main_program(object_of(address)); }

std::size_t module_path(const void* address, char* path, std::size_t bytes) noexcept {
  base::writer out(path, bytes);
  const link_map* object = object_of(address);
  out.add("%s", is_main_program(object) ? "the main program" : path_of(object));
  return out.written();
}

span object_span(const void* address) noexcept { return span_of(address); }

// The second handler belongs to this library: dlclose() of `dso` leaves it alone, and exit() runs
// it just before the first one, which can then tell the two apart.
bool on_unload(void* dso, void (*run)(void* dso)) noexcept {
  return add_handler(run, dso, dso) && add_handler(note_exit, nullptr, &__dso_handle);
}

// Handlers cost memory of the C library: every one of the first few, then fewer and fewer.
void watch_for_exit() noexcept {
  constexpr std::uint32_t all_of_the_first = 64;
  const std::uint32_t n = gs_fetch_add_relaxed(&watches, 1u);
  if (n >= all_of_the_first && (n & (n - 1)) != 0) return;
  keep_errno keep;
  // Without this one an earlier watch notices exit, only later.
  (void)add_handler(note_exit, nullptr, &__dso_handle);
}

std::uint64_t exit_began_ns() noexcept { return gs_load_relaxed(&begun_ns); }

bool exit_begun() noexcept { return gs_load_relaxed(&begun) != 0 || process_exiting(); }

}  // namespace graceslab::os
