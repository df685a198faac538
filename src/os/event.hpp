// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What happens, told at one place to both who listen: a static probe (docs/guide/tracing.md has the
// table) and, where the process records, the trace.
//
// - Where: slow paths alone, with or without locks. Costs a nop each, its arguments in registers,
//   and a load and a branch.
// - Names: of the domain or the cache that the event is of, as it is then.
#pragma once
#include <cstdint>

#include "os/probe.hpp"
#include "os/trace.hpp"

namespace graceslab::os::event {

[[gnu::always_inline]] inline void note(happening what, const char* name, std::uint64_t a,
                                        std::uint64_t b, std::uint64_t c = 0,
                                        std::uint64_t d = 0) noexcept {
  if (__builtin_expect(tracing, 0)) record({what, name, {a, b, c, d}});
}

// ---- domains ----

[[gnu::always_inline]] inline void gp_start(std::uint64_t domain, std::uint64_t number,
                                            const char* name) noexcept {
  GS_PROBE_3(gp_start, domain, number, name);
  note(happening::gp_start, name, domain, number);
}

// All up to `number` are over.
[[gnu::always_inline]] inline void gp_end(std::uint64_t domain, std::uint64_t number,
                                          const char* name) noexcept {
  GS_PROBE_3(gp_end, domain, number, name);
  note(happening::gp_end, name, domain, number);
}

[[gnu::always_inline]] inline void stall(std::uint64_t domain, std::uint64_t thread,
                                         std::uint64_t age_ms, const char* name) noexcept {
  GS_PROBE_4(stall, domain, thread, age_ms, name);
  note(happening::stall, name, domain, thread, age_ms);
}

// An array of callbacks waits for this grace period.
[[gnu::always_inline]] inline void batch(std::uint64_t domain, std::uint64_t callbacks,
                                         std::uint64_t number, const char* name) noexcept {
  GS_PROBE_4(batch, domain, callbacks, number, name);
  note(happening::batch, name, domain, callbacks, number);
}

[[gnu::always_inline]] inline void callback_begin(std::uint64_t domain, const void* function,
                                                  const void* what, const char* name) noexcept {
  const auto code = reinterpret_cast<std::uintptr_t>(function);
  GS_PROBE_4(callback_begin, domain, function, what, name);
  note(happening::callback_begin, name, domain, code, reinterpret_cast<std::uintptr_t>(what));
}

[[gnu::always_inline]] inline void callback_end(std::uint64_t domain, const void* function,
                                                const void* what, const char* name) noexcept {
  const auto code = reinterpret_cast<std::uintptr_t>(function);
  GS_PROBE_4(callback_end, domain, function, what, name);
  note(happening::callback_end, name, domain, code, reinterpret_cast<std::uintptr_t>(what));
}

// ---- caches ----

[[gnu::always_inline]] inline void cache_create(std::uint64_t cache, std::uint64_t object_bytes,
                                                std::uint64_t domain, const char* name) noexcept {
  GS_PROBE_4(cache_create, cache, object_bytes, domain, name);
  note(happening::cache_create, name, cache, object_bytes, domain);
}

[[gnu::always_inline]] inline void slab_new(std::uint64_t cache, const void* start,
                                            std::uint64_t bytes, const char* name) noexcept {
  GS_PROBE_4(slab_new, cache, start, bytes, name);
  note(happening::slab_new, name, cache, reinterpret_cast<std::uintptr_t>(start), bytes);
}

[[gnu::always_inline]] inline void slab_release(std::uint64_t cache, const void* start,
                                                std::uint64_t bytes, const char* name) noexcept {
  GS_PROBE_4(slab_release, cache, start, bytes, name);
  note(happening::slab_release, name, cache, reinterpret_cast<std::uintptr_t>(start), bytes);
}

// So many retired objects wait for this grace period: an array that a thread filled, or what goes
// without one. `number` 0: for the one after that which others in its slab wait for.
[[gnu::always_inline]] inline void retire(std::uint64_t cache, std::uint64_t objects,
                                          std::uint64_t number, const char* name) noexcept {
  GS_PROBE_4(retire, cache, objects, number, name);
  note(happening::retire, name, cache, objects, number);
}

[[gnu::always_inline]] inline void destroy_begin(std::uint64_t cache, std::uint64_t ticket,
                                                 std::uint64_t domain, const char* name) noexcept {
  GS_PROBE_4(destroy_begin, cache, ticket, domain, name);
  note(happening::destroy_begin, name, cache, ticket, domain);
}

// Something is out: allocated, or retired and waiting, up to this grace period.
[[gnu::always_inline]] inline void destroy_wait(std::uint64_t cache, std::uint64_t allocated,
                                                std::uint64_t retired, std::uint64_t number,
                                                const char* name) noexcept {
  GS_PROBE_5(destroy_wait, cache, allocated, retired, number, name);
  note(happening::destroy_wait, name, cache, allocated, retired, number);
}

[[gnu::always_inline]] inline void destroy_done(std::uint64_t cache, std::uint64_t ticket,
                                                const char* name) noexcept {
  GS_PROBE_3(destroy_done, cache, ticket, name);
  note(happening::destroy_done, name, cache, ticket);
}

[[gnu::always_inline]] inline void leak(std::uint64_t cache, std::uint64_t allocated,
                                        std::uint64_t retired, std::uint64_t age_ms,
                                        const char* name) noexcept {
  GS_PROBE_5(leak, cache, allocated, retired, age_ms, name);
  note(happening::leak, name, cache, allocated, retired, age_ms);
}

}  // namespace graceslab::os::event
