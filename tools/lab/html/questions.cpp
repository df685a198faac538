// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Sections of the questions that the approaches raise: a plot, a table, and what the figures say.
#include <fmt/core.h>

#include <algorithm>

#include "../../page/charts.hpp"
#include "../../page/table.hpp"
#include "../../page/text.hpp"
#include "parts.hpp"

namespace graceslab::lab::html {
namespace {

using tool::page::bar;
using tool::page::cells;
using tool::page::curve;
using tool::page::escape;
using tool::page::number;
using tool::page::sample;
using tool::page::with_unit;

const std::string not_measured = "<p class=\"none\">Not measured in this run.</p>";

std::string count(std::uint64_t n) { return number(static_cast<double>(n)); }

sample at(double x, double y, const std::string& who, const char* unit) {
  return {x, y, y, y, fmt::format("{} at {}: {}", who, number(x), with_unit(y, unit))};
}

// A curve through all points of a question.
template <class P, class X, class Y>
curve through(const std::string& name, const char* css, unsigned shape,
              const std::vector<P>& points, X x, Y y, const char* unit = "ms") {
  curve c = {name, css, shape, false, {}};
  for (const P& p : points) c.samples.push_back(at(x(p), y(p), name, unit));
  return c;
}

// Plot and table beside each other where there is room.
std::string beside(const std::string& title, const std::string& plot, const std::string& table) {
  return fmt::format("<article class=\"card pair\"><div><h3>{}</h3>{}</div><div>{}</div></article>",
                     escape(title), plot, table);
}

}  // namespace

std::string many_caches(const findings& f) {
  const std::string title = "Many caches at once: where is the crossover?";
  if (!f.many) return section("many-caches", title, not_measured);
  auto x = [](const many_point& p) { return static_cast<double>(p.caches); };
  std::vector<curve> curves = {
      through("one kfree_rcu_barrier(), then destroys (A3)", "o0", 0, f.many->points, x,
              [](const many_point& p) { return ms(p.global_us); }),
      through("kmem_cache_destroy_wait() each (A8)", "p0", 1, f.many->points, x,
              [](const many_point& p) { return ms(p.single_us); }),
      through("kmem_cache_destroy_rcu() each, one barrier (A9)", "o1", 2, f.many->points, x,
              [](const many_point& p) { return ms(p.async_us); })};
  std::vector<cells> rows;
  for (const many_point& p : f.many->points)
    rows.push_back(
        {count(p.caches), time_text(p.global_us), time_text(p.single_us), time_text(p.async_us)});
  std::string said =
      "<p>Every cache has a few dozen objects in flight. One barrier for all pays "
      "once, waits for single caches pay each time";
  said += f.many->crossover
              ? fmt::format(
                    ": in this run one global barrier was clearly faster (by more than 5 "
                    "%) <b>from {} caches on</b>.</p>",
                    count(*f.many->crossover))
              : ". In this run there was <b>no crossover</b>: at the largest number, one global "
                "barrier was not clearly faster (by more than 5 %).</p>";
  return section(
      "many-caches", title,
      said +
          beside("Until all caches were gone",
                 lines({"Until all caches were gone", "caches", "ms"}, curves,
                       "Not measured in this run."),
                 tool::page::table(
                     "nnnn", {"caches", "global (A3)", "single (A8)", "asynchronous (A9)"}, rows)) +
          problems_of(f.many->problems));
}

std::string one_of_many(const findings& f) {
  const std::string title = "One of many: what does a wait for one cache cost?";
  if (!f.one) return section("one-of-many", title, not_measured);
  auto x = [](const one_point& p) { return static_cast<double>(p.others); };
  std::vector<curve> curves = {
      through("kmem_cache_free_barrier() of one (A7)", "o1", 2, f.one->points, x,
              [](const one_point& p) { return ms(p.one_us); }),
      through("kfree_rcu_barrier() (A3)", "o0", 0, f.one->points, x,
              [](const one_point& p) { return ms(p.all_us); })};
  std::vector<cells> rows;
  for (const one_point& p : f.one->points)
    rows.push_back({count(p.others), count(p.given_up), time_text(p.one_us), time_text(p.all_us)});
  std::string said =
      "<p>Every cache, the one included, has just given up some objects; then somebody waits: for "
      "the objects of the one cache, or for those of all.";
  if (f.one->points.size() > 1) {
    const one_point &first = f.one->points.front(), &last = f.one->points.back();
    said += fmt::format(
        " From {} to {} other caches the wait for one went from {} to {}, the wait for all from {} "
        "to {}.",
        count(first.others), count(last.others), time_text(first.one_us), time_text(last.one_us),
        time_text(first.all_us), time_text(last.all_us));
  }
  return section(
      "one-of-many", title,
      said + "</p>" +
          beside("The wait, beside other caches",
                 lines({"The wait, beside other caches", "other caches", "ms"}, curves,
                       "Not measured in this run."),
                 tool::page::table(
                     "nnnn", {"other caches", "objects given up", "one (A7)", "all (A3)"}, rows)) +
          problems_of(f.one->problems));
}

std::string parked_memory(const findings& f) {
  const std::string title = "Memory, while a reader stays where it is";
  if (!f.parked) return section("parked-reader", title, not_measured);
  const char* colours[] = {"o0", "p0", "o1", "p2"};
  std::vector<curve> curves;
  std::vector<cells> rows;
  for (const parked_row& r : f.parked->rows) {
    unsigned place = static_cast<unsigned>(curves.size());
    curves.push_back(through(
        r.info->id, colours[place % std::size(colours)], place, r.samples,
        [](const parked_sample& s) { return static_cast<double>(s.updates); },
        [](const parked_sample& s) { return static_cast<double>(s.resident_bytes) / 1e6; }, "MB"));
    const parked_sample& last = r.samples.back();
    rows.push_back({escape(r.info->what), count(last.waiting), bytes_text(last.resident_bytes),
                    time_text(r.home_us), bytes_text(r.resident_after)});
  }
  std::string said = fmt::format(
      "<p>One record of {} bytes is replaced again and again while a reader does not leave its "
      "section (or, with hazard pointers, goes on protecting one object). What is given up "
      "meanwhile cannot come back by RCU. Objects of a type-safe cache are used again at once, and "
      "a hazard pointer holds no more than what it names.</p>",
      count(f.parked->object_bytes));
  return section(
      "parked-reader", title,
      said +
          beside("Resident memory of the cache",
                 lines({"Resident memory of the cache", "updates", "MB"}, curves,
                       "Not measured in this run."),
                 tool::page::table("tnnnn",
                                   {"given up by", "waiting<br>at the end", "resident<br>then",
                                    "home after<br>the reader left", "resident<br>after that"},
                                   rows)) +
          problems_of(f.parked->problems));
}

std::string chains_of_callbacks(const findings& f) {
  const std::string title = "Chains: callbacks that post callbacks";
  if (!f.chains) return section("chains", title, not_measured);
  auto x = [](const chain_point& p) { return static_cast<double>(p.depth); };
  std::vector<curve> curves = {
      through("rcu_barrier(), again and again (A1)", "p0", 1, f.chains->points, x,
              [](const chain_point& p) { return ms(p.barriers_us); }),
      through("one gs_domain_drain()", "o0", 0, f.chains->points, x,
              [](const chain_point& p) { return ms(p.drain_us); }),
      through("fully-freed destroy, until home (A10)", "o1", 2, f.chains->points, x,
              [](const chain_point& p) { return ms(p.home_us); }),
      through("... and how long it held its caller", "o2", 3, f.chains->points, x,
              [](const chain_point& p) { return ms(p.held_us); })};
  std::vector<cells> rows;
  for (const chain_point& p : f.chains->points)
    rows.push_back({count(p.depth), count(p.barriers), time_text(p.barriers_us),
                    count(p.drain_grace_periods), time_text(p.drain_us), time_text(p.home_us),
                    time_text(p.held_us)});
  return section(
      "chains", title,
      "<p>The callback of a parent frees it and hands its child to call_rcu(), and so on. A "
      "barrier "
      "waits for callbacks that were posted before it, so whoever counts barriers has to know the "
      "depth. A drain repeats until nothing is in flight, and names a callback that never stops. "
      "A cache that goes once fully freed (A10) needs no count.</p>" +
          beside("Until the chain had ended",
                 lines({"Until the chain had ended", "depth", "ms"}, curves,
                       "Not measured in this run."),
                 tool::page::table("nnnnnnn",
                                   {"depth", "barriers", "they took", "drain: grace<br>periods",
                                    "it took", "A10:<br>home after", "held"},
                                   rows)) +
          problems_of(f.chains->problems));
}

std::string bystanders(const findings& f) {
  const std::string title = "Bystanders: what do those pay who have nothing to do with it?";
  if (!f.innocents) return section("innocents", title, not_measured);
  std::vector<bar> all;
  std::vector<cells> rows;
  double longest = 0;
  for (const innocent_row& r : f.innocents->rows) longest = std::max(longest, r.wait_us.p50);
  unit in = unit_for(longest);
  for (const innocent_row& r : f.innocents->rows) {
    std::string name =
        r.info != nullptr ? fmt::format("{} {}", r.info->paper, r.info->id) : "nobody ends caches";
    const char* css = r.info == nullptr ? "" : r.info->waits ? "ours o0" : "ours o1";
    all.push_back({name, css, r.info == nullptr, r.wait_us.p50 / in.us, r.wait_us.p50 / in.us,
                   r.wait_us.p99 / in.us,
                   fmt::format("{}: {}", name, percentiles_text(r.wait_us))});
    rows.push_back({escape(name), count(r.ended), with_unit(r.lookups_per_cpu_s / 1e6, "M"),
                    time_text(r.update_us.p50), time_text(r.update_us.p99),
                    time_text(r.wait_us.p50), time_text(r.wait_us.p99)});
  }
  std::string said = fmt::format(
      "<p>For {} s each, somebody ends a cache by one approach, then rests a millisecond, and so "
      "on. A bystander meanwhile allocates and retires objects of a cache of its own and waits for "
      "them, and the host's readers look things up. With fewer cores than threads, all of them "
      "share what there is.</p>",
      number(f.innocents->seconds));
  return section("innocents", title,
                 said +
                     beside("The bystander's wait for its own cache",
                            bars("The bystander's wait for its own cache", in.name, all,
                                 "Not measured in this run.") +
                                "<p class=\"axis\">Bars are medians, whiskers reach to the 99th "
                                "percentile.</p>",
                            tool::page::table(
                                "tnnnnnn",
                                {"somebody ends by", "caches<br>ended", "lookups<br>/s of CPU",
                                 "update<br>median", "<br>99th", "own wait<br>median", "<br>99th"},
                                rows)) +
                     problems_of(f.innocents->problems));
}

}  // namespace graceslab::lab::html
