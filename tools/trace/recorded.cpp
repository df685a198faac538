// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "trace/recorded.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "commands.hpp"
#include "demangled.hpp"

namespace graceslab::tool::trace {
namespace {

constexpr std::string_view names[] = {
    "gp_start",      "gp_end",       "stall",        "batch",        "callback_begin",
    "callback_end",  "cache_create", "slab_new",     "slab_release", "retire",
    "destroy_begin", "destroy_wait", "destroy_done", "leak"};

std::optional<what> event_named(std::string_view name) {
  const auto* found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return static_cast<what>(found - std::begin(names));
}

// The file may hold anything: nothing of it drives a terminal.
std::string harmless(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  return text;
}

// The words of a line, and what is left behind them. Remembers whether all were there.
class words {
 public:
  explicit words(std::string_view line) : left_(line) {}

  std::string_view word() {
    const std::size_t end = left_.find(' ');
    const std::string_view found = left_.substr(0, end);
    left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
    return found;
  }
  template <class Number>
  Number number() {
    const std::string_view text = word();
    Number n = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    good_ = good_ && error == std::errc() && stop == text.data() + text.size();
    return n;
  }
  std::string rest() const { return harmless(std::string(left_)); }
  bool good() const { return good_; }

 private:
  std::string_view left_;
  bool good_ = true;
};

class parser {
 public:
  parser(std::string_view text, const std::string& from) : left_(text), from_(from) {}

  recording run() {
    head();
    while (!ended_) line();
    if (!left_.empty()) refuse("goes on after its end");
    std::stable_sort(all_.events.begin(), all_.events.end(),
                     [](const event& a, const event& b) { return a.ns < b.ns; });
    return std::move(all_);
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    throw usage_error(fmt::format("{} {}", from_, why));
  }
  // Only whole lines count.
  std::string_view next() {
    const std::size_t end = left_.find('\n');
    if (end == std::string_view::npos) refuse("is a trace that is cut short");
    const std::string_view found = left_.substr(0, end);
    left_.remove_prefix(end + 1);
    ++lines_;
    return found;
  }
  void head() {
    if (!left_.starts_with("graceslab-trace ")) refuse("is no trace");
    words w(next());
    w.word();
    if (const std::string_view version = w.word(); version != "1")
      refuse("is a trace of another version, and this tool reads 1");
    all_.pid = w.number<std::uint32_t>();
    all_.now_ns = w.number<std::uint64_t>();
    expect(w.good());
  }
  void expect(bool good) const {
    if (!good) refuse(fmt::format("is damaged in line {}", lines_));
  }
  void line() {
    words w(next());
    const std::string_view kind = w.word();
    if (kind == "e") {
      add_event(w);
    } else if (kind == "f") {
      const auto address = w.number<std::uint64_t>();
      // NAME+0x0 (MODULE+OFFSET BUILD-ID)
      std::string name(w.word());
      const std::string where = w.rest();
      if (const std::size_t plus = name.rfind('+'); plus != std::string::npos)
        name = demangled(name.substr(0, plus).c_str()) + name.substr(plus);
      all_.functions[address] = harmless(where.empty() ? name : name + " " + where);
    } else if (kind == "t") {
      const auto thread = w.number<std::uint32_t>();
      all_.threads[thread] = w.rest();
    } else {
      expect(kind == "end" && w.number<std::uint64_t>() == all_.events.size());
      all_.lost = w.number<std::uint64_t>();
      ended_ = true;
    }
    expect(w.good());
  }
  void add_event(words& w) {
    event e;
    e.ns = w.number<std::uint64_t>();
    e.thread = w.number<std::uint32_t>();
    const std::optional<what> happened = event_named(w.word());
    expect(happened.has_value());
    e.happened = *happened;
    for (std::uint64_t& n : e.number) n = w.number<std::uint64_t>();
    e.name = w.rest();
    all_.events.push_back(std::move(e));
  }

  std::string_view left_;
  std::string from_;
  std::size_t lines_ = 0;
  bool ended_ = false;
  recording all_;
};

}  // namespace

std::string_view name_of(what happened) { return names[static_cast<std::size_t>(happened)]; }

std::string recording::function(std::uint64_t address) const {
  const auto found = functions.find(address);
  return found != functions.end() ? found->second : fmt::format("{:#x}", address);
}

std::string recording::thread(std::uint32_t id) const {
  const auto found = threads.find(id);
  return fmt::format("{} {}", found != threads.end() ? found->second : "?", id);
}

recording parse(std::string_view text, const std::string& from) { return parser(text, from).run(); }

std::string words_of(const recording& all, const event& e) {
  const auto& n = e.number;
  switch (e.happened) {
    case what::gp_start:
      return fmt::format("grace period {}", n[1]);
    case what::gp_end:
      return fmt::format("all up to grace period {}", n[1]);
    case what::stall:
      return fmt::format("thread {} for at least {} ms", n[1], n[2]);
    case what::batch:
      return fmt::format("{} callbacks for grace period {}", n[1], n[2]);
    case what::callback_begin:
    case what::callback_end:
      return fmt::format("{} of {:#x}", all.function(n[1]), n[2]);
    case what::cache_create:
      return fmt::format("#{}, objects of {} bytes", n[0], n[1]);
    case what::slab_new:
    case what::slab_release:
      return fmt::format("#{}, {} bytes at {:#x}", n[0], n[2], n[1]);
    case what::retire:
      return n[2] != 0 ? fmt::format("#{}, {} for grace period {}", n[0], n[1], n[2])
                       : fmt::format("#{}, {} for a later grace period", n[0], n[1]);
    case what::destroy_begin:
    case what::destroy_done:
      return fmt::format("#{}", n[0]);
    case what::destroy_wait:
      return fmt::format("#{}, {} allocated, {} retired, up to grace period {}", n[0], n[1], n[2],
                         n[3]);
    case what::leak:
      return fmt::format("#{}, {} allocated, {} retired, for {} ms", n[0], n[1], n[2], n[3]);
  }
  return {};
}

}  // namespace graceslab::tool::trace
