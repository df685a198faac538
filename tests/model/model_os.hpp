// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The system layer under a model: fences, futexes and waiting go to the explorer. Include it, then
// the library's own .cpp files. What those mention and no model calls stays unresolved at link
// time; calling it ends the program.
#pragma once
#include "model.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/fault.hpp"
#include "os/fence.hpp"
#include "os/futex.hpp"
#include "os/hooks.hpp"
#include "os/midway.hpp"
#include "os/report.hpp"
#include "os/sanitizer.hpp"
#include "os/thread.hpp"

namespace model {
inline bool fenced_readers;  // fence mode READER
inline bool endless_naps;    // who sleeps for a bounded time is woken, or sleeps for ever
}  // namespace model

namespace graceslab::os {

constinit config settings = {};
constinit unsigned sanitizers_here = 0;
constinit bool tracing = false;
bool fault_now(gs_fault_site, std::uint32_t) noexcept { return false; }
bool readers_fence() noexcept { return model::fenced_readers; }
gs_fence fence_mode() noexcept {
  return model::fenced_readers ? GS_FENCE_READER : GS_FENCE_MEMBARRIER;
}
bool heavy_fence() noexcept {
  model::fenced_readers ? model::full_fence(RL_INFO) : model::heavy_fence(RL_INFO);
  return true;
}
void report_lost_fence() noexcept {}
bool futex_wait(std::uint32_t* word, std::uint32_t expected, std::uint64_t) noexcept {
  model::futex_wait(word, expected, RL_INFO);
  return true;
}
__thread std::uint32_t midway_depth;
bool is_midway() noexcept { return false; }
void also_midway(bool (*)() noexcept) noexcept {}
bool was_interrupted() noexcept { return false; }
void short_wait::on(std::uint32_t* word, std::uint32_t value, std::uint64_t) noexcept {
  model::futex_wait(word, value, RL_INFO);
}
void short_wait::nap(std::uint64_t) noexcept { model::pause(RL_INFO); }
void short_wait::check(std::uint64_t, std::uint64_t) noexcept {}
void futex_nap_us(std::uint32_t* word, std::uint32_t expected, std::uint64_t) noexcept {
  model::endless_naps ? model::futex_wait(word, expected, RL_INFO) : model::pause(RL_INFO);
}
void futex_nap_us(std::uint64_t* word, std::uint64_t expected, std::uint64_t) noexcept {
  model::endless_naps ? model::futex_wait(word, expected, RL_INFO) : model::pause(RL_INFO);
}
void futex_wake(std::uint32_t* word, int how_many) noexcept {
  model::futex_wake(word, how_many, RL_INFO);
}
void futex_wake(std::uint64_t* word, int how_many) noexcept {
  if (!model::weak(model::op::wake, model::how::drop, RL_INFO))
    model::futex_wake(word, how_many, RL_INFO);
}
void yield() noexcept { model::pause(RL_INFO); }
void sleep_us(std::uint64_t) noexcept { model::pause(RL_INFO); }
std::uint64_t now_ms() noexcept { return 0; }
std::uint64_t coarse_ms() noexcept { return 0; }
std::uint64_t now_ns() noexcept { return 0; }
unsigned cores_online() noexcept {
  return 1;
}  // no spinning before a sleep: that would only be more of the same
std::uint32_t tid() noexcept { return model::self() + 1; }
void report(gs_report kind, const char*, ...) noexcept {
  MODEL_ASSERT(kind == GS_REPORT_KINDS);
}  // none is expected

}  // namespace graceslab::os

namespace graceslab::sync {
struct thread_record;
void on_thread_end(int, void (*)(thread_record&)) noexcept {}  // asked for by static initialisers
}  // namespace graceslab::sync
