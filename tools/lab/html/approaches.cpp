// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Each approach of the paper: the idea, what speaks for it, its price, when to take it.
#include <fmt/core.h>

#include "../../page/shell.hpp"
#include "../../page/text.hpp"
#include "parts.hpp"
#include "prose.hpp"

namespace graceslab::lab::html {
namespace {

using tool::page::escape;
using tool::page::fact;
using tool::page::number;

std::string count(std::uint64_t n) { return number(static_cast<double>(n)); }

// ---- sentences made of figures; empty where the run did not measure them ----

std::string kept_here(const approach_result& r) {
  if (!r.kept()) return {};
  return r.info->waits
             ? fmt::format(" Here nothing was in flight when it returned, in all {} rounds.",
                           r.rounds)
             : fmt::format(" Here it held its caller for {} with {} objects in flight.",
                           time_text(r.destroy_us.p50), count(r.objects_in_flight));
}

std::string held_here(const approach_result& r) {
  return r.info->waits
             ? fmt::format(" Here it held its caller for {}, worst {}.",
                           time_text(r.destroy_us.p50), time_text(r.destroy_us.most))
             : fmt::format(" Here the last page was home {} after the end began, worst {}.",
                           time_text(r.home_us.p50), time_text(r.home_us.most));
}

std::string parked_here(const findings& f, approach which) {
  const small_row* s = small_of(f, which);
  if (s == nullptr) return {};
  return fmt::format(" While a reader stayed for {} ms, the caller was held for {}.",
                     f.small->parked_ms, time_text(s->parked_us.p50));
}

std::string crowd_here(const findings& f, bool one) {
  if (!f.one || f.one->points.empty()) return {};
  const one_point& p = f.one->points.back();
  return fmt::format(
      " Beside {} other caches ({} objects given up in all) it took {}; the wait for {} took {}.",
      p.others, count(p.given_up), time_text(one ? p.one_us : p.all_us),
      one ? "all of them" : "one cache alone", time_text(one ? p.all_us : p.one_us));
}

std::string many_here(const findings& f, double many_point::*mine) {
  if (!f.many || f.many->points.empty()) return {};
  const many_point& p = f.many->points.back();
  return fmt::format(" Ending {} caches this way took {}.", p.caches, time_text(p.*mine));
}

std::string chain_here(const findings& f, bool barriers) {
  if (!f.chains || f.chains->points.empty()) return {};
  const chain_point& p = f.chains->points.back();
  return barriers
             ? fmt::format(" A chain of depth {} took {} calls of rcu_barrier().", p.depth,
                           p.barriers)
             : fmt::format(
                   " The cache of a chain of depth {} went by itself, {} after a destroy that held "
                   "its caller for {}.",
                   p.depth, time_text(p.home_us), time_text(p.held_us));
}

std::string memory_here(const findings& f) {
  if (!f.parked) return {};
  std::string text;
  for (const parked_row& r : f.parked->rows) {
    std::string id = r.info->id;
    if (id != "typesafe" && id != "kfree_rcu") continue;
    text +=
        fmt::format(" {} updates beside a parked reader left {} resident with {}.",
                    count(r.samples.back().updates), bytes_text(r.samples.back().resident_bytes),
                    id == "typesafe" ? "objects that are used again" : "kfree_rcu()");
  }
  return text;
}

std::string advantage_here(const findings& f, approach which) {
  switch (which) {
    case approach::kfree_rcu_barrier:
      return many_here(f, &many_point::global_us);
    case approach::linger_typesafe:
      return memory_here(f);
    case approach::linger:
    case approach::destroy_rcu:
      return parked_here(f, which);
    case approach::fully_freed:
      return parked_here(f, which) + chain_here(f, false);
    case approach::free_barrier:
      return crowd_here(f, true);
    case approach::destroy_cookie:
      return many_here(f, &many_point::async_us);
    case approach::rcu_barrier:
    case approach::barrier_covers_retire:
    case approach::destroy_wait:
      return {};
  }
  return {};
}

std::string price_here(const findings& f, approach which) {
  switch (which) {
    case approach::rcu_barrier:
      return chain_here(f, true) + parked_here(f, which);
    case approach::kfree_rcu_barrier:
      return crowd_here(f, false) + parked_here(f, which);
    case approach::destroy_wait:
      return parked_here(f, which) + many_here(f, &many_point::single_us);
    case approach::barrier_covers_retire:
    case approach::free_barrier:
    case approach::destroy_cookie:
      return parked_here(f, which);
    case approach::linger:
    case approach::linger_typesafe:
    case approach::destroy_rcu:
    case approach::fully_freed:
      return {};
  }
  return {};
}

// ---- the figures in full ----

std::string innocent_fact(const findings& f, approach which) {
  if (!f.innocents) return {};
  const innocent_row *quiet = nullptr, *mine = nullptr;
  for (const innocent_row& r : f.innocents->rows) {
    if (r.info == nullptr) quiet = &r;
    if (r.info != nullptr && r.info->which == which) mine = &r;
  }
  if (mine == nullptr || quiet == nullptr) return {};
  return fact(
      "A bystander's own wait, meanwhile",
      fmt::format("{}, alone {}", time_text(mine->wait_us.p50), time_text(quiet->wait_us.p50)));
}

std::string figures(const findings& f, const approach_info& info) {
  std::string text;
  if (const approach_result* r = result_of(f, info.which)) {
    double periods = static_cast<double>(r->grace_periods) / std::max(1u, r->rounds);
    text +=
        fact("Held its caller", percentiles_text(r->destroy_us)) +
        fact("All pages home", percentiles_text(r->home_us)) +
        fact("Objects in flight when it began", count(r->objects_in_flight)) +
        fact("Grace periods for each teardown", fmt::format("{:.1f}", periods)) +
        fact("Under load, a second", fmt::format("{} lookups, {} updates", number(r->lookups_per_s),
                                                 number(r->updates_per_s))) +
        fact("Given up, come back, lost",
             fmt::format("{}, {}, {}", count(r->objects_retired), count(r->objects_reclaimed),
                         count(r->objects_leaked)));
  }
  if (const small_row* s = small_of(f, info.which))
    text += fact(fmt::format("Small caches, {} times", f.small->repetitions),
                 percentiles_text(s->destroy_us)) +
            fact(fmt::format("Small, reader parked {} ms", f.small->parked_ms),
                 percentiles_text(s->parked_us));
  text += innocent_fact(f, info.which);
  return text.empty() ? "<p class=\"none\">Not measured in this run.</p>"
                      : "<dl class=\"facts\">" + text + "</dl>";
}

std::string labelled(const char* label, const std::string& text) {
  return fmt::format("<p><b>{}</b> {}</p>", label, escape(text));
}

std::string one(const findings& f, const approach_info& info) {
  const prose& p = prose_of(info.which);
  const approach_result* r = result_of(f, info.which);
  std::string text =
      fmt::format("<article class=\"card approach\" id=\"approach-{}\"><h3>{} \xc2\xb7 {} {}</h3>",
                  info.id, info.paper, escape(p.title),
                  r == nullptr ? ""
                  : r->kept()  ? "<span class=\"tag stretch\">kept its promise</span>"
                               : "<span class=\"tag missed\">FAILED</span>");
  text += "<div class=\"two\"><div>" + paragraph(p.idea);
  text += labelled(
      "For it:", p.advantage + (r != nullptr ? kept_here(*r) : "") + advantage_here(f, info.which));
  text += labelled("Its price:",
                   p.price + (r != nullptr ? held_here(*r) : "") + price_here(f, info.which));
  text += labelled("Take it when:", p.when);
  if (r != nullptr) text += problems_of(r->problems);
  text += fmt::format("</div><div><pre>{}</pre>{}</div></div></article>", escape(p.code),
                      figures(f, info));
  return text;
}

}  // namespace

std::string approach_by_approach(const findings& f) {
  std::string text;
  for (const approach_info& info : approaches()) text += one(f, info);
  return section("approaches", "The approaches, one by one", text);
}

}  // namespace graceslab::lab::html
