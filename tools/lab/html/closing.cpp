// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The mistakes and what came of them, which approach to take when, and how it was measured.
#include <fmt/core.h>

#include <algorithm>

#include "../../page/table.hpp"
#include "../../page/text.hpp"
#include "parts.hpp"

namespace graceslab::lab::html {
namespace {

using tool::page::cells;
using tool::page::escape;

std::string caught(const unsafe_result& r) {
  return r.caught ? "<span class=\"tag stretch\">caught</span>"
                  : "<span class=\"tag missed\">NOT CAUGHT</span>";
}

std::string mistake_summary(const findings& f) {
  auto number_of = [&f](const char* outcome, bool protection) {
    return std::count_if(f.unsafe.begin(), f.unsafe.end(), [&](const unsafe_result& r) {
      return r.outcome == outcome && r.protection == protection;
    });
  };
  auto all = [&f](bool protection) {
    return std::count_if(f.unsafe.begin(), f.unsafe.end(),
                         [&](const unsafe_result& r) { return r.protection == protection; });
  };
  return fmt::format(
      " In this run, of {} without owner protection: crashed in code that was gone {}, reported "
      "{}, "
      "worked by luck {}. Of {} with it: made safe {}, reported {}.",
      all(false), number_of("crashed in unmapped code", false), number_of("reported", false),
      number_of("worked by luck", false), all(true), number_of("made safe", true),
      number_of("reported", true));
}

struct choice {
  const char* want;
  const char* call;
  approach which;
  const char* waits_for;
};
const choice choices[] = {
    {"not to think about it", "kmem_cache_destroy(s)", approach::linger, "nothing"},
    {"to know that it is gone", "kmem_cache_destroy_wait(s)", approach::destroy_wait,
     "this cache's retired objects"},
    {"to end many caches and wait once",
     "kmem_cache_destroy_rcu(s) each, then "
     "kmem_cache_destroy_barrier()",
     approach::destroy_cookie, "the destroys that began before"},
    {"to go on at once, while plain destroys report", "kmem_cache_destroy_rcu(s)",
     approach::destroy_rcu, "nothing"},
    {"this cache's objects home, and to go on using it", "kmem_cache_free_barrier(s)",
     approach::free_barrier, "this cache's retired objects"},
    {"the objects of all caches home", "kfree_rcu_barrier()", approach::kfree_rcu_barrier,
     "all retired objects"},
    {"callbacks of one's own done first", "rcu_barrier()", approach::rcu_barrier,
     "callbacks, not kfree_rcu()"},
    {"... and one barrier for both", "rcu_barrier(), set to cover both",
     approach::barrier_covers_retire, "callbacks and all retired objects"},
    {"objects used again at once", "SLAB_TYPESAFE_BY_RCU, kmem_cache_destroy(s)",
     approach::linger_typesafe, "nothing"},
    {"the last reference to end it", "SLAB_DESTROY_ONCE_FULLY_FREED, kmem_cache_destroy(s)",
     approach::fully_freed, "nothing; it never complains"},
};

const approach_info& info_of(approach which) {
  return *std::find_if(approaches().begin(), approaches().end(),
                       [which](const approach_info& i) { return i.which == which; });
}

}  // namespace

std::string mistakes(const findings& f) {
  const std::string title = "What the wrong waits did";
  if (f.unsafe.empty())
    return section("unsafe", title, "<p class=\"none\">Not measured in this run.</p>");
  std::vector<cells> rows;
  for (const unsafe_result& r : f.unsafe)
    rows.push_back({fmt::format("{}<small>{}</small>", escape(r.info->id), escape(r.info->what)),
                    r.protection ? "on" : "off", escape(r.outcome), escape(r.evidence), caught(r)});
  return section(
      "unsafe", title,
      "<p>Modules that trust the wrong thing, each in a process of its own, with the interleaving "
      "forced: their callbacks stand in the queue behind one that blocks until the module is "
      "unloaded. <i>Protection</i> is owner protection, the library's default, by which an unload "
      "waits for the module's callbacks." +
          mistake_summary(f) + "</p><div class=\"card wide\">" +
          tool::page::table("ttttt", {"variant", "protection", "outcome", "because", ""}, rows) +
          "</div>");
}

std::string advice(const findings& f) {
  std::vector<cells> rows;
  for (const choice& c : choices) {
    const approach_info& info = info_of(c.which);
    const approach_result* r = result_of(f, c.which);
    const small_row* s = small_of(f, c.which);
    rows.push_back({escape(c.want), "<code>" + escape(c.call) + "</code>", link_to(info),
                    escape(c.waits_for), r != nullptr ? time_text(r->destroy_us.p50) : "",
                    s != nullptr ? time_text(s->destroy_us.p50) : "",
                    s != nullptr ? time_text(s->parked_us.p50) : ""});
  }
  return section(
      "advice", "Which one to take when",
      "<p>synchronize_rcu() is in none of these rows: it waits for readers, neither for callbacks "
      "nor for retired memory.</p><div class=\"card wide\">" +
          tool::page::table("ttttnnn",
                            {"I want", "call", "", "it waits for", "held here:<br>module",
                             "small<br>cache", "reader<br>parked"},
                            rows) +
          "</div>");
}

std::string method(const findings& f) {
  std::string text = fmt::format(
      "<p>Modules: each approach had {} rounds. In each, a shared object was loaded, built its "
      "table, was used by {} readers and {} updaters for {} s, was withdrawn, waited for the "
      "callbacks of its updaters, gave up everything, ended its cache by the approach (only this "
      "is timed as <i>held its caller</i>), and was unmapped, which was checked. An approach keeps "
      "its promise when nothing was in flight where it says that it waited, nothing was lost, no "
      "reader saw a wrong answer, the library had nothing to report, and the cache was home in "
      "time. With few rounds the 99th percentile is the worst one.</p>",
      f.work.rounds, f.readers, f.updaters, tool::page::number(f.work.seconds));
  if (f.small)
    text += fmt::format(
        "<p>Small caches: {} times in turns, {} with a reader parked; the host's readers ran "
        "meanwhile.</p>",
        f.small->repetitions, f.small->parked_repetitions);
  text +=
      "<p>Times belong to the machine and the hour; with more threads than cores, much of a wait "
      "is waiting for a core. Percentiles are by the nearest rank.</p>"
      "<p>To repeat it: <code>graceslab report</code>, or <code>graceslab lab --html FILE</code>. "
      "Every figure here is in the output of <code>graceslab lab --json</code>, from which "
      "<code>graceslab report FILE</code> makes this page again.</p>";
  return section("method", "How it was measured", text);
}

}  // namespace graceslab::lab::html
