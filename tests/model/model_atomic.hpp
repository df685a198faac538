// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The gs_* names of detail/atomic.h over relacy, which explores schedules and stale loads. The
// library's own files are compiled against this unchanged: each word that they touch atomically
// gets a shadow, found by its address.
#pragma once
#include "explorer.hpp"
#include "shadow.hpp"

#define gs_load_relaxed(p) model::load((p), rl::mo_relaxed, RL_INFO)
#define gs_load_acquire(p) model::load((p), rl::mo_acquire, RL_INFO)
#define gs_load_seq_cst(p) model::load((p), rl::mo_seq_cst, RL_INFO)
#define gs_store_relaxed(p, v) model::store((p), (v), rl::mo_relaxed, RL_INFO)
#define gs_store_release(p, v) model::store((p), (v), rl::mo_release, RL_INFO)
#define gs_store_seq_cst(p, v) model::store((p), (v), rl::mo_seq_cst, RL_INFO)
#define gs_exchange(p, v) model::exchange((p), (v), rl::mo_seq_cst, RL_INFO)
#define gs_exchange_acquire(p, v) model::exchange((p), (v), rl::mo_acquire, RL_INFO)
#define gs_fetch_add(p, v) model::add((p), (v), rl::mo_seq_cst, RL_INFO)
#define gs_fetch_sub(p, v) model::add((p), 0 - std::uint64_t(v), rl::mo_seq_cst, RL_INFO)
#define gs_fetch_or(p, v) model::fetch_or((p), (v), rl::mo_seq_cst, RL_INFO)
#define gs_fetch_add_relaxed(p, v) model::add((p), (v), rl::mo_relaxed, RL_INFO)
#define gs_compare_exchange(p, expected, v) \
  model::compare_exchange((p), (expected), (v), rl::mo_seq_cst, RL_INFO)
#define gs_light_fence() model::light_fence(RL_INFO)
#define gs_full_fence() model::full_fence(RL_INFO)
#define gs_cpu_relax() model::pause(RL_INFO)
