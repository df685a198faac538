// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// GRACESLAB_TRACE_FILE: the trace is written there when the process exits. `%p` in it is the
// process id; without one a forked child writes none, as the file is its parent's.
#include <cstring>

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/descriptor.hpp"
#include "os/hooks.hpp"
#include "os/peer_socket.hpp"
#include "os/report.hpp"
#include "os/trace_text.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t path_bytes = 1024;
word_lock path_lock;
char path[path_bytes];  // guarded by it
std::uint32_t owner;    // the process that the path was given to

// Nothing, where this process writes none.
void add_path(base::writer& out) noexcept {
  word_guard hold(path_lock);
  const char* mark = std::strstr(path, "%p");
  if (mark != nullptr)
    out.add("%.*s%u%s", static_cast<int>(mark - path), path, process_id(), mark + 2);
  else if (owner == process_id())
    out.add("%s", path);
}

void write_at_exit() noexcept {
  char to[path_bytes + 16];
  base::writer out(to, sizeof to);
  if (tracing) add_path(out);
  if (out.needed() == 0) return;
  int error = 0;
  const int file = create_file(to, &error);
  if (file >= 0) {
    error = dump_trace(file);
    close_file(file);
  }
  if (error != 0)
    report(GS_REPORT_BAD_CONFIG, "GRACESLAB_TRACE_FILE: %.200s cannot be written (error %d)", to,
           -error);
}

[[gnu::constructor(102)]] void start_trace_file() noexcept {
  constexpr int after_leaks = 950;
  on_process_exit(after_leaks, write_at_exit);
  on_fork({fork_rank_trace_file, [] { path_lock.lock(); }, [] { path_lock.unlock(); },
           [] { path_lock.reset_in_child(); }});
}

}  // namespace

bool set_trace_file(const char* to) noexcept {
  if (std::strlen(to) >= path_bytes) return false;
  word_guard hold(path_lock);
  std::strcpy(path, std::strcmp(to, "-") == 0 ? "" : to);
  owner = process_id();
  return true;
}

const char* trace_file() noexcept { return path[0] != '\0' ? path : "-"; }

}  // namespace graceslab::os
