// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Events come by their time and each span is written when it begins and when it ends, so all that
// is written is in order.
#include "trace/timeline.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

namespace graceslab::tool::trace {
namespace {

using json = nlohmann::ordered_json;

// Threads stand below the process itself; ids beyond those of processes are for the rest.
constexpr std::uint32_t domains_group = 0x40000000, caches_group = 0x40000001;

struct track {
  std::uint32_t group, id;
};

class page {
 public:
  explicit page(const recording& all)
      : first_ns_(all.events.empty() ? all.now_ns : all.events.front().ns) {}

  void begin(track t, std::uint64_t ns, const std::string& name, json args = json::object()) {
    json e = of("B", t, ns, name);
    if (!args.empty()) e["args"] = std::move(args);
    events_.push_back(std::move(e));
  }
  void end(track t, std::uint64_t ns) { events_.push_back(of("E", t, ns, {})); }
  void instant(track t, std::uint64_t ns, const std::string& name, const std::string& words) {
    json e = of("i", t, ns, name);
    e["s"] = "t";
    e["args"] = {{"what", words}};
    events_.push_back(std::move(e));
  }
  void name_track(track t, const std::string& name) {
    names_.push_back({{"ph", "M"},
                      {"pid", t.group},
                      {"tid", t.id},
                      {"name", "thread_name"},
                      {"args", {{"name", name}}}});
    names_.push_back({{"ph", "M"},
                      {"pid", t.group},
                      {"tid", t.id},
                      {"name", "thread_sort_index"},
                      {"args", {{"sort_index", t.id}}}});
  }
  void name_group(std::uint32_t group, const std::string& name) {
    names_.push_back({{"ph", "M"},
                      {"pid", group},
                      {"tid", 0},
                      {"name", "process_name"},
                      {"args", {{"name", name}}}});
  }
  std::string text(const recording& all) {
    for (json& e : events_) names_.push_back(std::move(e));
    const json whole = {
        {"displayTimeUnit", "ns"},
        {"otherData", {{"process", all.pid}, {"lost_events", all.lost}, {"first_ns", first_ns_}}},
        {"traceEvents", std::move(names_)}};
    return whole.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  }

 private:
  json of(const char* phase, track t, std::uint64_t ns, const std::string& name) const {
    json e = {{"ph", phase},
              {"pid", t.group},
              {"tid", t.id},
              {"ts", static_cast<double>(ns - first_ns_) / 1000}};
    if (!name.empty()) e["name"] = name;
    return e;
  }

  std::uint64_t first_ns_;
  json names_ = json::array();
  std::vector<json> events_;
};

// ---- callbacks, which may run inside each other ----
class thread_tracks {
 public:
  thread_tracks(page& p, const recording& all) : page_(p), all_(all) {}

  void begin(const event& e) {
    inside_[e.thread].push_back(e.number[1]);
    const std::string function = all_.function(e.number[1]);
    page_.begin(of(e), e.ns, function.substr(0, function.find("+0x0 ")),
                {{"domain", e.name},
                 {"function", function},
                 {"object", fmt::format("{:#x}", e.number[2])}});
  }
  // What began before the recording has no beginning here.
  void end(const event& e) {
    auto& stack = inside_[e.thread];
    const auto found = std::find(stack.rbegin(), stack.rend(), e.number[1]);
    for (auto left = found == stack.rend() ? 0 : found - stack.rbegin() + 1; left > 0; --left) {
      stack.pop_back();
      page_.end(of(e), e.ns);
    }
  }
  void finish(std::uint64_t ns) {
    for (auto& [thread, stack] : inside_) {
      for (std::size_t i = 0; i != stack.size(); ++i) page_.end({all_.pid, thread}, ns);
      page_.name_track({all_.pid, thread}, all_.thread(thread));
    }
  }

 private:
  track of(const event& e) const { return {all_.pid, e.thread}; }
  page& page_;
  const recording& all_;
  std::map<std::uint32_t, std::vector<std::uint64_t>> inside_;
};

// ---- grace periods: one that begins before another has ended stands on a line of its own ----
class domain_tracks {
 public:
  domain_tracks(page& p, const recording& all) : page_(p) {
    for (const event& e : all.events)
      if (e.happened <= what::callback_end) names_[e.number[0]] = e.name;
  }

  void start(const event& e) {
    auto& lanes = of(e).lanes;
    auto free = std::find(lanes.begin(), lanes.end(), 0u);
    if (free == lanes.end()) free = lanes.insert(lanes.end(), 0);
    *free = e.number[1];
    page_.begin(lane(e.number[0], static_cast<std::size_t>(free - lanes.begin())), e.ns,
                fmt::format("grace period {}", e.number[1]));
  }
  void end(const event& e) {
    domain& d = of(e);
    d.completed = std::max(d.completed, e.number[1]);
    for (std::size_t i = 0; i != d.lanes.size(); ++i) {
      if (d.lanes[i] == 0 || d.lanes[i] > e.number[1]) continue;
      d.lanes[i] = 0;
      page_.end(lane(e.number[0], i), e.ns);
    }
  }
  void instant(const event& e, const std::string& words) {
    (void)of(e);
    page_.instant(lane(e.number[0], 0), e.ns, std::string(name_of(e.happened)), words);
  }
  bool is_over(std::uint64_t id, std::uint64_t number) const {
    const auto found = domains_.find(id);
    return found != domains_.end() && found->second.completed >= number;
  }
  std::string name(std::uint64_t id) const {
    const auto found = names_.find(id);
    return found != names_.end() ? found->second : fmt::format("#{}", id);
  }
  void finish(std::uint64_t ns) {
    for (auto& [id, d] : domains_)
      for (std::size_t i = 0; i != std::max<std::size_t>(d.lanes.size(), 1); ++i) {
        if (i < d.lanes.size() && d.lanes[i] != 0) page_.end(lane(id, i), ns);
        page_.name_track(lane(id, i),
                         i == 0 ? name(id) : fmt::format("{}, overlapping {}", name(id), i));
      }
  }

 private:
  struct domain {
    std::uint64_t completed = 0;
    std::vector<std::uint64_t> lanes;  // the grace period that stands there; 0: none
  };
  domain& of(const event& e) { return domains_[e.number[0]]; }
  static constexpr std::size_t lanes_most = 64;
  static track lane(std::uint64_t id, std::size_t number) {
    return {domains_group,
            static_cast<std::uint32_t>(id * lanes_most + std::min(number, lanes_most - 1) + 1)};
  }
  page& page_;
  std::map<std::uint64_t, domain> domains_;
  std::map<std::uint64_t, std::string> names_;
};

// ---- caches: open, closing, draining, and in that what it waits for ----
class cache_tracks {
 public:
  // Those whose creation is not in the recording were there when it begins.
  cache_tracks(page& p, const domain_tracks& domains, const recording& all)
      : page_(p), domains_(domains) {
    std::set<std::uint64_t> seen;
    for (const event& e : all.events)
      if (e.happened >= what::cache_create && seen.insert(e.number[0]).second &&
          e.happened != what::cache_create)
        (void)add(e, all.events.front().ns);
  }

  void create(const event& e) { (void)add(e, e.ns); }
  void instant(const event& e, const std::string& words) {
    page_.instant(of(e).where, e.ns, std::string(name_of(e.happened)), words);
  }
  void begin_destroy(const event& e) {
    life& c = of(e);
    end_all(c, e.ns);
    c.domain = e.number[2];
    begin(c, e.ns, "closing");
  }
  void wait(const event& e, const std::string& words) {
    life& c = of(e);
    end_all(c, e.ns);
    begin(c, e.ns, "draining", {{"what", words}});
    c.draining = true;
    c.allocated = e.number[1];
    c.awaited = domains_.is_over(c.domain, e.number[3]) ? 0 : e.number[3];
    if (c.awaited == 0) return wait_for_the_rest(c, e.ns);
    begin(c, e.ns,
          fmt::format("waiting for grace period {} of {}", c.awaited, domains_.name(c.domain)));
  }
  void grace_period_ended(const event& e) {
    for (life& c : lives_) {
      if (!c.draining || c.domain != e.number[0] || c.awaited == 0 || c.awaited > e.number[1])
        continue;
      c.awaited = 0;
      end(c, e.ns);
      wait_for_the_rest(c, e.ns);
    }
  }
  void done(const event& e) {
    life& c = of(e);
    end_all(c, e.ns);
    page_.instant(c.where, e.ns, "gone", "its last slab is released");
    c.draining = false;
    current_.erase(e.number[0]);
  }
  void finish(std::uint64_t ns) {
    for (life& c : lives_) {
      end_all(c, ns);
      page_.name_track(c.where, c.name);
    }
  }

 private:
  struct life {
    track where;
    std::string name;
    unsigned spans = 0;  // that have begun
    bool draining = false;
    std::uint64_t domain = 0, awaited = 0, allocated = 0;
  };

  life& add(const event& e, std::uint64_t ns) {
    const auto id = static_cast<std::uint32_t>(lives_.size() + 1);
    life& c = lives_.emplace_back();
    c.where = {caches_group, id};
    c.name = fmt::format("{}#{}", e.name, e.number[0]);
    current_[e.number[0]] = &c;
    begin(c, ns, "open");
    return c;
  }
  life& of(const event& e) {
    const auto found = current_.find(e.number[0]);
    return found != current_.end() ? *found->second : add(e, e.ns);
  }
  void wait_for_the_rest(life& c, std::uint64_t ns) {
    begin(c, ns,
          c.allocated != 0 ? fmt::format("waiting for {} allocated", c.allocated)
                           : "waiting for what is retired to be taken home");
  }
  void begin(life& c, std::uint64_t ns, const std::string& name, json args = json::object()) {
    page_.begin(c.where, ns, name, std::move(args));
    ++c.spans;
  }
  void end(life& c, std::uint64_t ns) {
    page_.end(c.where, ns);
    --c.spans;
  }
  void end_all(life& c, std::uint64_t ns) {
    while (c.spans != 0) end(c, ns);
  }

  page& page_;
  const domain_tracks& domains_;
  std::deque<life> lives_;  // which stay where they are
  std::map<std::uint64_t, life*> current_;
};

struct tracks {
  thread_tracks threads;
  domain_tracks domains;
  cache_tracks caches;

  void add(const recording& all, const event& e) {
    switch (e.happened) {
      case what::callback_begin:
        return threads.begin(e);
      case what::callback_end:
        return threads.end(e);
      case what::gp_start:
        return domains.start(e);
      case what::gp_end:
        domains.end(e);
        return caches.grace_period_ended(e);
      case what::stall:
      case what::batch:
        return domains.instant(e, words_of(all, e));
      case what::cache_create:
        return caches.create(e);
      case what::destroy_begin:
        return caches.begin_destroy(e);
      case what::destroy_wait:
        return caches.wait(e, words_of(all, e));
      case what::destroy_done:
        return caches.done(e);
      case what::slab_new:
      case what::slab_release:
      case what::retire:
      case what::leak:
        return caches.instant(e, words_of(all, e));
    }
  }
};

}  // namespace

std::string timeline_of(const recording& all) {
  page p(all);
  const std::uint64_t last_ns =  // some happen while it is told
      all.events.empty() ? all.now_ns : std::max(all.now_ns, all.events.back().ns);
  tracks t{thread_tracks(p, all), domain_tracks(p, all), cache_tracks(p, t.domains, all)};
  for (const event& e : all.events) t.add(all, e);
  t.threads.finish(last_ns);
  t.domains.finish(last_ns);
  t.caches.finish(last_ns);
  p.name_group(all.pid, fmt::format("process {}: callbacks", all.pid));
  p.name_group(domains_group, "domains: grace periods");
  p.name_group(caches_group, "caches");
  return p.text(all);
}

}  // namespace graceslab::tool::trace
