// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading IP-to-country files: whole, line by line, telling about every line that cannot be used.
#include "input.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "../commands.hpp"
#include "../whole_file.hpp"
#include "line.hpp"

namespace graceslab::lab {
namespace {

using tool::usage_error;

// Complaints about lines: the first few in full, then their number.
class complaints {
 public:
  void add(const std::string& path, std::uint64_t line, std::string_view expected,
           std::string_view found) {
    if (++count_ > shown) return;
    fmt::print(stderr, "graceslab: {}:{}: expected {}, found \"{}\"\n", path, line, expected,
               printable(found));
  }
  void finish(std::size_t used) const {
    if (count_ > shown)
      fmt::print(stderr, "graceslab: {} more malformed lines not shown\n", count_ - shown);
    if (count_ != 0)
      fmt::print(stderr, "graceslab: lines that cannot be used: {}; ranges that can: {}\n", count_,
                 used);
  }

 private:
  static constexpr std::uint64_t shown = 10;
  static constexpr std::size_t longest = 60;

  static std::string printable(std::string_view text) {
    std::string out;
    for (char c : text.substr(0, longest)) out += c >= 0x20 && c < 0x7f ? c : '?';
    if (text.size() > longest) out += "...";
    return out;
  }
  std::uint64_t count_ = 0;
};

struct placed {
  range value;
  std::uint32_t file;
  std::uint32_t line;
};

void read_lines(std::string_view text, std::uint32_t index, input_file& file,
                std::vector<placed>& out, complaints& to) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    parsed_line line = parse_line(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    ++file.lines;
    if (line.what == parsed_line::kind::nothing) continue;
    if (line.what == parsed_line::kind::malformed) {
      ++file.malformed;
      to.add(file.path, file.lines, line.expected, line.found);
    } else {
      out.push_back({line.value, index, static_cast<std::uint32_t>(file.lines)});
    }
  }
}

bool is_ipv4(const range& r) { return r.first.high == 0 && r.first.low >> 32 == 0xffff; }

// Keeps the earlier of two ranges that overlap: a lookup must have one answer.
void keep_disjoint(std::vector<placed>& all, input& in, complaints& to) {
  auto before = [](const placed& a, const placed& b) { return a.value.first < b.value.first; };
  if (!std::is_sorted(all.begin(), all.end(), before))
    std::stable_sort(all.begin(), all.end(), before);
  in.ranges.reserve(all.size());
  const placed* last = nullptr;
  for (const placed& p : all) {
    input_file& file = in.files[p.file];
    if (last != nullptr && !(last->value.last < p.value.first)) {
      ++file.malformed;
      to.add(
          file.path, p.line,
          fmt::format("a range that does not overlap {}:{}", in.files[last->file].path, last->line),
          text_of(p.value));
      continue;
    }
    ++file.ranges;
    ++(is_ipv4(p.value) ? in.ipv4 : in.ipv6);
    in.ranges.push_back(p.value);
    last = &p;
  }
}

}  // namespace

std::vector<std::string> default_paths() {
  return {"/usr/share/tor/geoip", "/usr/share/tor/geoip6"};
}

input read_input(const std::vector<std::string>& paths) {
  input in;
  complaints to;
  std::vector<placed> all;
  for (const std::string& path : paths) {
    std::string text = tool::whole_file(path);
    in.files.push_back({path});
    read_lines(text, static_cast<std::uint32_t>(in.files.size() - 1), in.files.back(), all, to);
  }
  keep_disjoint(all, in, to);
  to.finish(in.ranges.size());
  if (in.ranges.empty()) {
    std::string names;
    for (const std::string& path : paths) names += (names.empty() ? "" : ", ") + path;
    throw usage_error(fmt::format("no usable range in {}", names));
  }
  return in;
}

}  // namespace graceslab::lab
