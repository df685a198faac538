// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The other end of a process that lets itself be observed (graceslab/detail/observe.h). Nothing
// that it sends is believed before it was looked at.
#pragma once
#include <graceslab/detail/observe.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace graceslab::tool::observe {

// Strings end, and hold nothing that drives a terminal.
struct snapshot {
  std::uint64_t now_ns = 0;
  std::vector<gs_observe_domain> domains;
  std::vector<gs_observe_cache> caches;
};

struct peer {
  std::uint32_t pid;
  std::chrono::milliseconds timeout;  // of each message
};

// Every failure is a usage_error that says in a line what is the matter with the process.
class connection {
 public:
  explicit connection(const peer& to);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  snapshot list();
  // A paragraph for each cache of that name, or of the number in "#7".
  std::vector<std::string> why(const std::string& cache);
  // The lines of what it recorded; none where it records nothing.
  std::string trace();
  std::uint32_t pid() const { return pid_; }

 private:
  struct message;
  void open();
  void greet();
  void ask(gs_observe_kind kind, const std::string& cache);
  message next();
  [[noreturn]] void lost() const;

  std::uint32_t pid_;
  std::chrono::milliseconds timeout_;
  int socket_ = -1;
};

// The one process of ours that is observed; a usage_error when there is none, or several.
std::uint32_t only_process();
// By its id, or of those that are observed the one of that name; a usage_error when it is none, or
// several.
std::uint32_t chosen_process(const std::string& id_or_name);
std::string process_name(std::uint32_t pid);  // "?" when not known

}  // namespace graceslab::tool::observe
