// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "observe/answer.hpp"

#include <graceslab/detail/config.h>

#include "base/format.hpp"
#include "observe/look.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "os/peer_socket.hpp"
#include "rcu/domain.hpp"
#include "slab/sight.hpp"

namespace graceslab::observe {
namespace {

constexpr std::uint32_t looks_per_turn = 256;  // at caches, for one message

template <class Row>
std::size_t put(const Row& row, message* out) noexcept {
  static_assert(sizeof row <= sizeof *out);
  __builtin_memcpy(static_cast<void*>(out), &row, sizeof row);
  return sizeof row;
}

bool same(const char* a, const char* b) noexcept { return __builtin_strcmp(a, b) == 0; }

}  // namespace

bool answer::ask(const void* request, std::size_t bytes) noexcept {
  gs_observe_request r;
  if (at_ != step::waits || bytes != sizeof r) return false;
  __builtin_memcpy(&r, request, sizeof r);
  const gs_observe_head& h = r.head;
  if (h.magic != GS_OBSERVE_MAGIC || h.version != GS_OBSERVE_VERSION || h.bytes != sizeof r ||
      r.cache[sizeof r.cache - 1] != '\0')
    return false;
  if (h.kind == GS_OBSERVE_LIST)
    at_ = step::domains;
  else if (h.kind == GS_OBSERVE_WHY)
    at_ = step::reasons;
  else if (h.kind == GS_OBSERVE_TRACE)
    at_ = os::tracing ? step::traces : step::ends;
  else
    return false;
  __builtin_memcpy(name_, r.cache, sizeof name_);
  told_ = os::trace_text();
  next_domain_ = rcu::first_domain();
  next_cache_ = 1;
  messages_ = 0;
  return true;
}

std::size_t answer::prepare(message* out) noexcept {
  switch (at_) {
    case step::greets:
      return greet(out);
    case step::domains:
      return domain(out);
    case step::caches:
      return cache(out);
    case step::reasons:
      return reason(out);
    case step::traces:
      return trace(out);
    case step::ends:
      return end(out);
    case step::waits:
      break;
  }
  return 0;
}

void answer::sent() noexcept {
  switch (at_) {
    case step::domains:
      next_domain_ = rcu::next_domain(next_domain_);
      ++messages_;
      break;
    case step::caches:
    case step::reasons:
      ++next_cache_;
      ++messages_;
      break;
    case step::traces:
      told_ = telling_;
      ++messages_;
      break;
    default:
      at_ = step::waits;
  }
}

std::size_t answer::greet(message* out) noexcept {
  gs_observe_hello hello = {};
  hello.head = head_of(GS_OBSERVE_HELLO, sizeof hello);
  hello.pid = os::process_id();
  hello.layout = GS_LAYOUT_VERSION;
  base::writer(hello.library, sizeof hello.library).add("%s", GRACESLAB_VERSION_STRING);
  return put(hello, out);
}

std::size_t answer::domain(message* out) noexcept {
  gs_observe_domain row;
  for (; next_domain_ != nullptr; next_domain_ = rcu::next_domain(next_domain_))
    if (look_at_domain(next_domain_, for_tool, &row)) return put(row, out);
  at_ = step::caches;
  return 0;
}

std::size_t answer::cache(message* out) noexcept {
  gs_observe_cache row;
  for (std::uint32_t looks = 0; looks != looks_per_turn; ++looks, ++next_cache_) {
    slab::cache* c = slab::cache_from_id(next_cache_);
    if (c == nullptr) return at_ = step::ends, 0;
    if (look_at_cache(*c, for_tool, &row)) return put(row, out);
  }
  return 0;
}

bool answer::is_asked_for(const char* name, std::uint32_t id) const noexcept {
  char number[16];
  base::writer(number, sizeof number).add("#%u", id);
  return same(name_, number) || same(name_, name);
}

std::size_t answer::reason(message* out) noexcept {
  for (std::uint32_t looks = 0; looks != looks_per_turn; ++looks, ++next_cache_) {
    slab::cache* c = slab::cache_from_id(next_cache_);
    if (c == nullptr) return at_ = step::ends, 0;
    gs_observe_cache row;
    if (!look_at_cache(*c, for_tool, &row) || !is_asked_for(row.name, row.id)) continue;
    const std::uintptr_t handle = gs_load_relaxed(&c->handle);
    std::size_t length = why_handle(c, handle, out->rest, sizeof out->rest);
    if (length >= sizeof out->rest) length = sizeof out->rest - 1;
    const std::size_t bytes = sizeof out->head + length;
    out->head = head_of(GS_OBSERVE_TEXT, bytes);
    return bytes;
  }
  return 0;
}

std::size_t answer::trace(message* out) noexcept {
  telling_ = told_;
  std::size_t length = 0;
  while (sizeof out->rest - length >= os::trace_text::line_bytes) {
    const std::size_t n = telling_.next(out->rest + length, sizeof out->rest - length);
    if (n == 0) break;
    length += n;
  }
  if (length == 0) return at_ = step::ends, 0;
  const std::size_t bytes = sizeof out->head + length;
  out->head = head_of(GS_OBSERVE_TEXT, bytes);
  return bytes;
}

std::size_t answer::end(message* out) noexcept {
  gs_observe_end last = {};
  last.head = head_of(GS_OBSERVE_END, sizeof last);
  last.now_ns = os::now_ns();
  last.messages = messages_;
  return put(last, out);
}

}  // namespace graceslab::observe
