// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One peer of the serving thread: what it asked for, and how far the answer is. An answer is made
// message by message while the peer fetches it, so nothing of it is kept.
//
// - Moves: greets -> waits -> lists domains -> lists caches -> ends -> waits; waits -> tells why ->
//   ends; waits -> tells the trace -> ends.
#pragma once
#include <graceslab/detail/observe.h>

#include <cstddef>
#include <cstdint>

#include "os/trace_text.hpp"

struct gs_domain;

namespace graceslab::observe {

struct message {
  gs_observe_head head;
  char rest[GS_OBSERVE_TEXT_MAX];
};

class answer {
 public:
  bool waits() const noexcept { return at_ == step::waits; }  // for a request
  // False: it is none that we know.
  bool ask(const void* request, std::size_t bytes) noexcept;
  // The message to send next; its length, or 0 when the work goes on at the next turn.
  std::size_t prepare(message* out) noexcept;
  void sent() noexcept;  // what prepare() made

 private:
  enum class step { greets, waits, domains, caches, reasons, traces, ends };
  std::size_t greet(message* out) noexcept;
  std::size_t domain(message* out) noexcept;
  std::size_t cache(message* out) noexcept;
  std::size_t reason(message* out) noexcept;
  std::size_t trace(message* out) noexcept;
  std::size_t end(message* out) noexcept;
  bool is_asked_for(const char* name, std::uint32_t id) const noexcept;

  step at_ = step::greets;
  gs_domain* next_domain_ = nullptr;
  std::uint32_t next_cache_ = 1;
  std::uint64_t messages_ = 0;
  char name_[64] = {};
  os::trace_text told_, telling_;  // what was sent of the trace; the same and the message to send
};

}  // namespace graceslab::observe
