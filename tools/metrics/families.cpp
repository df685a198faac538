// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "metrics/families.hpp"

#include <graceslab/detail/abi.h>

#include <nlohmann/json.hpp>

#include "observe/rows.hpp"

namespace graceslab::tool::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using labels = std::vector<ClientMetric::Label>;
using observe::snapshot;

template <class Row>
struct measure {
  const char* name;
  const char* help;
  MetricType type;
  double (*of)(const Row& row);
};

double number(std::uint64_t n) { return static_cast<double>(n); }
double seconds(std::uint64_t ms) { return static_cast<double>(ms) / 1000; }

// Counters begin with the domain.
const measure<gs_observe_domain> of_domain[] = {
    {"graceslab_grace_periods_started_total", "Grace periods that began.", MetricType::Counter,
     [](const gs_observe_domain& d) { return number(d.started); }},
    {"graceslab_grace_periods_completed_total", "Grace periods that ended.", MetricType::Counter,
     [](const gs_observe_domain& d) { return number(d.completed); }},
    {"graceslab_callbacks_posted_total", "Callbacks that were queued.", MetricType::Counter,
     [](const gs_observe_domain& d) { return number(d.callbacks_posted); }},
    {"graceslab_callbacks_invoked_total", "Callbacks that have run.", MetricType::Counter,
     [](const gs_observe_domain& d) { return number(d.callbacks_invoked); }},
    {"graceslab_retired_objects_total", "Objects that were retired.", MetricType::Counter,
     [](const gs_observe_domain& d) { return number(d.retired); }},
    {"graceslab_reclaimed_objects_total", "Retired objects that can be allocated again.",
     MetricType::Counter, [](const gs_observe_domain& d) { return number(d.reclaimed); }},
    {"graceslab_stalls_total", "Reports of readers that held a grace period back for too long.",
     MetricType::Counter, [](const gs_observe_domain& d) { return number(d.stalls); }},
    {"graceslab_readers", "Threads inside a read-side section.", MetricType::Gauge,
     [](const gs_observe_domain& d) { return number(d.readers); }},
    {"graceslab_registered_threads", "Threads that were ever inside a section, and live.",
     MetricType::Gauge, [](const gs_observe_domain& d) { return number(d.slots); }},
    {"graceslab_barrier_waiters", "Threads that wait in a barrier.", MetricType::Gauge,
     [](const gs_observe_domain& d) { return number(d.barrier_waiters); }},
    {"graceslab_pending_bytes", "Retired memory that waits for a grace period.", MetricType::Gauge,
     [](const gs_observe_domain& d) { return number(d.pending_bytes); }},
    {"graceslab_memory_bytes", "Slabs and page runs of the domain's caches.", MetricType::Gauge,
     [](const gs_observe_domain& d) { return number(d.memory_bytes); }},
};

const measure<gs_observe_cache> of_cache[] = {
    {"graceslab_cache_retired_objects_total",
     "Objects that were retired, counted as they leave a thread's arrays.", MetricType::Counter,
     [](const gs_observe_cache& c) { return number(c.retired); }},
    {"graceslab_cache_reclaimed_objects_total", "Retired objects that can be allocated again.",
     MetricType::Counter, [](const gs_observe_cache& c) { return number(c.reclaimed); }},
    {"graceslab_cache_late_frees_total", "Objects that were freed after the cache was destroyed.",
     MetricType::Counter, [](const gs_observe_cache& c) { return number(c.late_frees); }},
    {"graceslab_cache_resident_bytes", "Memory that its slabs hold.", MetricType::Gauge,
     [](const gs_observe_cache& c) { return number(c.resident_bytes); }},
    {"graceslab_cache_slabs", "Slabs.", MetricType::Gauge,
     [](const gs_observe_cache& c) { return number(c.slabs); }},
    {"graceslab_cache_object_bytes", "Size of an object, as asked for.", MetricType::Gauge,
     [](const gs_observe_cache& c) { return number(c.object_bytes); }},
    {"graceslab_cache_oldest_deferred_seconds",
     "How long, at least, the first of its retired objects has waited for a grace period.",
     MetricType::Gauge, [](const gs_observe_cache& c) { return seconds(c.oldest_ms); }},
};

// They add up to the objects that exist.
constexpr struct {
  const char* name;
  std::uint64_t gs_observe_cache::*count;
} states[] = {
    {"allocated", &gs_observe_cache::allocated}, {"free", &gs_observe_cache::free_in_slabs},
    {"parked", &gs_observe_cache::parked},       {"ready", &gs_observe_cache::ready},
    {"deferred", &gs_observe_cache::deferred},   {"leaked", &gs_observe_cache::leaked},
    {"unborn", &gs_observe_cache::unborn},
};

ClientMetric sample(MetricType type, labels of, double value) {
  ClientMetric m;
  m.label = std::move(of);
  (type == MetricType::Counter ? m.counter.value : m.gauge.value) = value;
  return m;
}

// Label values are UTF-8, and names in the process may be anything.
std::string utf8(const std::string& text) {
  using nlohmann::json;
  const std::string clean = json(text).dump(-1, ' ', false, json::error_handler_t::replace);
  return json::parse(clean).get<std::string>();
}

labels of_row(const std::string& process, const char* what, const char* name, std::uint32_t id) {
  return {{"process", process}, {what, utf8(name)}, {"id", std::to_string(id)}};
}
labels of_row(const std::string& process, const gs_observe_domain& d) {
  return of_row(process, "domain", d.name, d.id);
}
labels of_row(const std::string& process, const gs_observe_cache& c) {
  return of_row(process, "cache", c.name, c.id);
}
labels with(labels all, const char* name, std::string value) {
  all.push_back({name, std::move(value)});
  return all;
}

template <class Row, std::size_t N>
void add_measures(const measure<Row> (&measures)[N], const std::vector<Row>& rows,
                  const std::string& process, families& out) {
  for (const measure<Row>& m : measures) {
    MetricFamily family{m.name, m.help, m.type, {}};
    for (const Row& row : rows)
      family.metric.push_back(sample(m.type, of_row(process, row), m.of(row)));
    out.push_back(std::move(family));
  }
}

void add_oldest_sections(const snapshot& now, const std::string& process, families& out) {
  MetricFamily family{"graceslab_oldest_section_seconds",
                      "How long, at least, a read-side section has held a grace period back; 0: "
                      "none does.",
                      MetricType::Gauge,
                      {}};
  for (const gs_observe_domain& d : now.domains)
    if (d.unseen == 0)
      family.metric.push_back(sample(MetricType::Gauge, of_row(process, d), seconds(d.oldest_ms)));
  out.push_back(std::move(family));
}

void add_objects(const std::vector<gs_observe_cache>& caches, const std::string& process,
                 families& out) {
  MetricFamily family{"graceslab_cache_objects",
                      "Objects that exist, by their state: what lies in a thread's arrays counts "
                      "as allocated, deferred wait for a grace period, ready have it behind them.",
                      MetricType::Gauge,
                      {}};
  for (const gs_observe_cache& c : caches)
    for (const auto& s : states)
      family.metric.push_back(
          sample(MetricType::Gauge, with(of_row(process, c), "state", s.name), number(c.*s.count)));
  out.push_back(std::move(family));
}

void add_stages(const snapshot& now, const std::string& process, families& out) {
  MetricFamily stage{
      "graceslab_cache_stage", "1 for the stage that the cache is in.", MetricType::Gauge, {}};
  MetricFamily info{"graceslab_cache_info",
                    "1; the id of its domain, and what a destroy does.",
                    MetricType::Gauge,
                    {}};
  MetricFamily age{"graceslab_cache_destroyed_seconds",
                   "How long ago a cache was destroyed that is not gone yet.",
                   MetricType::Gauge,
                   {}};
  for (const gs_observe_cache& c : now.caches) {
    const labels its = of_row(process, c);
    for (const std::uint32_t s : {GS_STAGE_OPEN, GS_STAGE_CLOSING, GS_STAGE_DRAINING})
      stage.metric.push_back(sample(MetricType::Gauge, with(its, "stage", observe::stage_name(s)),
                                    c.stage == s ? 1 : 0));
    info.metric.push_back(sample(MetricType::Gauge,
                                 with(with(its, "domain_id", std::to_string(c.domain)), "policy",
                                      observe::policy_name(c.policy)),
                                 1));
    if (c.destroyed_ms != 0)
      age.metric.push_back(sample(MetricType::Gauge, its, seconds(c.destroyed_ms)));
  }
  for (MetricFamily* f : {&stage, &info, &age}) out.push_back(std::move(*f));
}

MetricFamily up(const std::string& process, bool answered) {
  return {"graceslab_up",
          "Whether the process answered.",
          MetricType::Gauge,
          {sample(MetricType::Gauge, {{"process", process}}, answered ? 1 : 0)}};
}

}  // namespace

families of(const snapshot& now, std::uint32_t pid, const std::string& name) {
  const std::string process = utf8(name);
  families all = {up(process, true)};
  all.push_back(
      {"graceslab_process_info",
       "1; the id of the process.",
       MetricType::Gauge,
       {sample(MetricType::Gauge, {{"process", process}, {"pid", std::to_string(pid)}}, 1)}});
  std::vector<gs_observe_cache> seen;
  for (const gs_observe_cache& c : now.caches)
    if (c.unseen == 0) seen.push_back(c);
  all.push_back({"graceslab_busy_caches",
                 "Caches that were at work all the time, and whose numbers are left out.",
                 MetricType::Gauge,
                 {sample(MetricType::Gauge, {{"process", process}},
                         number(now.caches.size() - seen.size()))}});
  add_measures(of_domain, now.domains, process, all);
  add_oldest_sections(now, process, all);
  add_measures(of_cache, seen, process, all);
  add_objects(seen, process, all);
  add_stages(now, process, all);
  return all;
}

families of_nobody(const std::string& name) { return {up(utf8(name), false)}; }

}  // namespace graceslab::tool::metrics
