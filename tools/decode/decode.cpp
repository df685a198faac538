// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab decode`: a log with reports, with function, file and line for each place in it.
#include <fmt/core.h>
#include <graceslab/detail/abi.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "commands.hpp"
#include "decode/mention.hpp"
#include "decode/module.hpp"

namespace graceslab::tool {
namespace {

using namespace decode;

struct options {
  std::string log;  // "" and "-": standard input
  std::vector<std::string> debug_paths;
  std::string sysroot;
  bool json = false;
};

std::string source_of(const call& c) {
  return c.file.empty() ? "" : fmt::format(" at {}:{}", c.file, c.line);
}

class decoder {
 public:
  explicit decoder(const options& o) : json_(o.json), files_(o.debug_paths, o.sysroot) {}

  void line(const std::string& text) {
    ++number_;
    const std::string decoded = decode_line(text);
    if (!json_) fmt::print("{}", decoded);
  }
  void end() {
    if (!json_) return;
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& [key, m] : modules_)
      all.push_back({{"module", m.name()},
                     {"build_id", m.build_id()},
                     {"file", m.path()},
                     {"problem", m.problem()}});
    const nlohmann::ordered_json root = {
        {"version", gs_version()}, {"frames", frames_}, {"modules", std::move(all)}};
    fmt::print("{}\n", root.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  }

 private:
  std::string decode_line(const std::string& text) {
    std::string decoded;
    std::size_t done = 0;
    while (const auto found = find_mention(text, done)) {
      const std::string before = text.substr(done, found->begin - done);
      const std::vector<call> calls = calls_of(*found);
      decoded += before;
      if (json_) frames_.push_back(as_json(*found, calls));
      decoded += calls.empty() ? text.substr(found->begin, found->end - found->begin)
                               : in_words(*found, calls, before);
      done = found->end;
    }
    return decoded + text.substr(done);
  }

  std::vector<call> calls_of(const mention& m) {
    const std::pair key{std::string(m.module), std::string(m.build_id)};
    auto known = modules_.find(key);
    if (known == modules_.end()) {
      known = modules_.try_emplace(key, files_, m.module, m.build_id).first;
      const module& fresh = known->second;
      if (!fresh.problem().empty())
        fmt::print(stderr, "graceslab: decode: {} {}: {}\n", m.module, m.build_id, fresh.problem());
    }
    return known->second.calls_at(m.is_start() || m.offset == 0 ? m.offset : m.offset - 1);
  }

  // A frame has a line for each function that was inlined there; a place within a sentence has not.
  static std::string in_words(const mention& m, const std::vector<call>& calls,
                              const std::string& before) {
    const bool is_frame = before.find_first_not_of(" #0123456789") == std::string::npos &&
                          before.find('#') != std::string::npos;
    std::string words;
    for (const call& c : calls) {
      words += c.function + source_of(c);
      if (&c != &calls.back()) words += is_frame ? " (inlined)\n" + before : ", inlined into ";
    }
    return words + " " + std::string(m.where);
  }

  nlohmann::ordered_json as_json(const mention& m, const std::vector<call>& calls) const {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const call& c : calls)
      all.push_back(
          {{"function", c.function}, {"file", c.file}, {"line", c.line}, {"inlined", c.inlined}});
    return {{"line", number_},    {"name", m.name},         {"module", m.module},
            {"offset", m.offset}, {"build_id", m.build_id}, {"calls", std::move(all)}};
  }

  bool json_;
  files files_;
  std::map<std::pair<std::string, std::string>, module> modules_;
  nlohmann::ordered_json frames_ = nlohmann::ordered_json::array();
  std::size_t number_ = 0;
};

void decode_all(std::istream& log, const std::string& name, decoder& to) {
  for (std::string line; std::getline(log, line);) to.line(log.eof() ? line : line + '\n');
  if (log.bad()) throw usage_error(fmt::format("{}: cannot be read", name));
  to.end();
}

void run(const options& o) {
  decoder to(o);
  if (o.log.empty() || o.log == "-") return decode_all(std::cin, "standard input", to);
  struct stat what = {};
  if (stat(o.log.c_str(), &what) == 0 && S_ISDIR(what.st_mode))
    throw usage_error(fmt::format("{}: is a folder", o.log));
  std::ifstream log(o.log);
  if (!log) throw usage_error(fmt::format("{}: {}", o.log, std::strerror(errno)));
  decode_all(log, o.log, to);
}

}  // namespace

void add_decode(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "decode", "Print a log with reports, with function, file and line of each place in it");
  auto o = std::make_shared<options>();
  command->add_option("log", o->log, "The log; standard input without it");
  command->add_option(
      "--debug-path", o->debug_paths,
      "A file of a module, or a folder of such files and of debug files (repeatable)");
  command->add_option("--sysroot", o->sysroot, "Look for modules below this folder, not in /");
  command->add_flag("--json", o->json, "Print JSON, alone on standard output");
  command->callback([o] { run(*o); });
}

}  // namespace graceslab::tool
