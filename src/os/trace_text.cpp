// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/trace_text.hpp"

#include <errno.h>
#include <unistd.h>

#include <cstring>

#include "base/format.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/descriptor.hpp"
#include "os/hooks.hpp"
#include "os/midway.hpp"
#include "os/peer_socket.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "os/thread.hpp"

namespace graceslab::os {
namespace {

using ull = unsigned long long;

// Names come from outside: what drives a terminal, or ends a line, does not go on.
void make_line(char* text) noexcept {
  for (; *text != '\0'; ++text) {
    const auto c = static_cast<unsigned char>(*text);
    if (c < ' ' || c == 0x7f) *text = '?';
  }
}

// How much there is now, ended as a line.
std::size_t finish_line(char* text, const base::writer& line) noexcept {
  make_line(text);
  const std::size_t n = line.written();
  text[n] = '\n';
  return n + 1;
}

template <class Value>
void remember(Value (&known)[64], unsigned& n, Value value) noexcept {
  for (unsigned i = 0; i != n; ++i)
    if (known[i] == value) return;
  if (n != sizeof known / sizeof known[0]) known[n++] = value;
}

}  // namespace

void trace_text::note_names(const trace_entry& e) noexcept {
  remember(thread_, threads_, e.thread);
  if (e.what == happening::callback_begin) remember(function_, functions_, e.number[1]);
}

std::size_t trace_text::event(char* text, std::size_t bytes) noexcept {
  trace_entry e;
  if (!walk_.next(&e)) return 0;
  ++events_;
  note_names(e);
  base::writer line(text, bytes - 1);
  line.add("e %llu %u %s %llu %llu %llu %llu %s", static_cast<ull>(e.ns), e.thread, name_of(e.what),
           static_cast<ull>(e.number[0]), static_cast<ull>(e.number[1]),
           static_cast<ull>(e.number[2]), static_cast<ull>(e.number[3]), e.name);
  return finish_line(text, line);
}

std::size_t trace_text::next(char* text, std::size_t bytes) noexcept {
  base::writer line(text, bytes - 1);
  switch (part_) {
    case part::head:
      part_ = part::events;
      line.add("graceslab-trace 1 %u %llu", process_id(), static_cast<ull>(now_ns()));
      return finish_line(text, line);
    case part::events:
      if (const std::size_t n = event(text, bytes)) return n;
      // Who interrupted the library may have interrupted what looks names up.
      if (is_midway()) functions_ = 0;
      part_ = part::functions;
      [[fallthrough]];
    case part::functions:
      if (told_ != functions_) {
        const std::uint64_t function = function_[told_++];
        line.add("f %llu ", static_cast<ull>(function));
        line.add_from([function](char* rest, std::size_t room) {
          (void)describe_function(reinterpret_cast<const void*>(function), rest, room);
        });
        return finish_line(text, line);
      }
      part_ = part::threads;
      told_ = 0;
      [[fallthrough]];
    case part::threads:
      if (told_ != threads_) {
        const std::uint32_t thread = thread_[told_++];
        char name[32];
        thread_name(thread, name, sizeof name);
        line.add("t %u %s", thread, name);
        return finish_line(text, line);
      }
      part_ = part::end;
      [[fallthrough]];
    case part::end:
      part_ = part::done;
      line.add("end %llu %llu", static_cast<ull>(events_), static_cast<ull>(walk_.lost()));
      return finish_line(text, line);
    case part::done:
      break;
  }
  return 0;
}

int dump_trace(int file) noexcept {
  if (!tracing) return -ENOENT;
  char block[5 * trace_text::line_bytes];
  std::size_t used = 0;
  trace_text lines;
  while (const std::size_t n = lines.next(block + used, sizeof block - used)) {
    used += n;
    if (sizeof block - used >= trace_text::line_bytes) continue;
    if (const int error = write_all(file, block, used); error != 0) return error;
    used = 0;
  }
  return write_all(file, block, used);
}

}  // namespace graceslab::os
