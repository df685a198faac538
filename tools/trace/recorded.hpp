// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a process recorded of itself, as it tells it in lines of text (docs/guide/tracing.md).
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graceslab::tool::trace {

enum class what {  // of domains first, then of caches
  gp_start,
  gp_end,
  stall,
  batch,
  callback_begin,
  callback_end,
  cache_create,
  slab_new,
  slab_release,
  retire,
  destroy_begin,
  destroy_wait,
  destroy_done,
  leak,
};
std::string_view name_of(what happened);

struct event {
  std::uint64_t ns;
  std::uint32_t thread;
  what happened;
  std::array<std::uint64_t, 4> number;
  std::string name;  // of its domain or cache
};

struct recording {
  std::uint32_t pid = 0;
  std::uint64_t now_ns = 0;   // when it was told
  std::uint64_t lost = 0;     // events that were overwritten
  std::vector<event> events;  // by their time
  std::map<std::uint64_t, std::string> functions;
  std::map<std::uint32_t, std::string> threads;

  std::string function(std::uint64_t address) const;
  std::string thread(std::uint32_t id) const;
};

// Throws usage_error, which names `from`, for what is no recording or no whole one.
recording parse(std::string_view text, const std::string& from);
// What an event says behind its name, in words.
std::string words_of(const recording& all, const event& e);

}  // namespace graceslab::tool::trace
