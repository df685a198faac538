// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Readers, waiting for them, and giving memory back after them, beside other schemes of safe memory
// reclamation.
#include <tuple>

#include "catalogue.hpp"

namespace graceslab::tool::bench {
namespace {

using who = std::vector<contestant>;
const contestant ours_inline = {"graceslab inline", "graceslab_smr_inline", "", true};
const contestant ours_called = {"graceslab called", "graceslab_smr_called", "", true};

// What a program pays on the read side depends on whether it may inline it.
who readers() {
  who all = {ours_inline, ours_called};
  for (const char* flavour : {"memb", "mb", "bp", "qsbr"})
    for (const char* way : {"inline", "called"})
      all.push_back({std::string("liburcu ") + flavour + " " + way,
                     std::string("urcu_") + flavour + "_" + way, ""});
  all.push_back({"ck epoch", "ck_epoch", ""});
  all.push_back({"libcds", "cds_rcu", ""});
  all.push_back({"floor", "smr_floor", ""});
  return all;
}

// On the update side it is a call anyway.
who updaters() {
  who all = {{"graceslab", "graceslab_smr_called", "", true}};
  for (const char* flavour : {"memb", "mb", "bp", "qsbr"})
    all.push_back(
        {std::string("liburcu ") + flavour, std::string("urcu_") + flavour + "_inline", ""});
  all.push_back({"ck epoch", "ck_epoch", ""});
  all.push_back({"libcds", "cds_rcu", ""});
  return all;
}

std::vector<std::string> over_mallocs(const std::string& scheme) {
  std::vector<std::string> names = {scheme + " + glibc"};
  for (const allocator& a : allocators) names.push_back(scheme + " + " + a.name);
  return names;
}

void add_over_mallocs(who& all, const std::string& scheme, const std::string& plug_in) {
  all.push_back({scheme + " + glibc", plug_in, ""});
  for (const allocator& a : allocators) all.push_back({scheme + " + " + a.name, plug_in, a.name});
}

who retirers() {
  who all = {ours_inline, ours_called};
  add_over_mallocs(all, "call_rcu", "urcu_memb_inline");
  add_over_mallocs(all, "defer_rcu", "urcu_memb_defer");
  for (const char* allocator : {"", "mimalloc"}) {
    std::string over = std::string(" + ") + (*allocator == 0 ? "glibc" : allocator);
    all.push_back({"ck epoch" + over, "ck_epoch", allocator});
    all.push_back({"libcds" + over, "cds_rcu", allocator});
  }
  all.push_back({"floor", "smr_floor", ""});
  return all;
}

contest& add(catalogue& c, const char* group, const char* workload,
             std::map<std::string, std::string> parameters, const char* unit, who contestants) {
  c.contests.push_back(
      {workload, std::move(parameters), unit, unit, std::move(contestants), group, 0, 0, false});
  return c.contests.back();
}

void add_readers(catalogue& c) {
  for (const char* threads : {"1", "2"})
    for (const char* kind : {"empty", "load", "nested", "walk8"})
      add(c, "Readers: in and out", "reader_pair", {{"kind", kind}, {"threads", threads}}, "ns",
          readers());
  const char* name = "reader_pair/kind:empty/threads:1";
  for (auto [way, goal, stretch] : {std::tuple{"inline", 0.6, 0.5}, std::tuple{"called", 0.5, 0.3}})
    c.targets.push_back({std::string("reader pair, ") + way,
                         {name, {std::string("graceslab ") + way}, ""},
                         {name, {std::string("liburcu memb ") + way}, ""},
                         goal,
                         stretch,
                         ""});
}

const char* const why_cycle =
    "A pair with its state bytes takes 5 ns, the rest of the cycle 2.6 ns, a publishing exchange "
    "2.9 "
    "ns more; an eighth of call_rcu is 7 ns. Tried: arrays reused whole, so that reclaiming does "
    "nothing per object; one lock instead of two for an exchange of arrays; ages from a cheaper "
    "clock.";
const char* const why_cycle_beside_reader =
    "The line of the published pointer goes to the reader's core and back, for every contestant: "
    "of ours that is 10 ns where one may assign, 25 ns with an exchange. Tried: what the cycle "
    "without a reader had.";

void add_retire_cycle(catalogue& c, const std::string& bound, const std::string& publish,
                      const std::string& reader) {
  contest& one =
      add(c, "Allocate, write, publish, retire, reuse", "retire_cycle",
          {{"bound", bound}, {"publish", publish}, {"reader", reader}}, "ns", retirers());
  one.seconds = 0.2;
  one.repetitions = 3;
  std::string name = one.name();
  std::string what = "retire cycle, " + publish;
  if (bound != "0") what += ", bounded";
  if (reader == "1") what += ", reader";
  side ours = {name, {"graceslab inline"}, ""};
  side call = {name, over_mallocs("call_rcu"), ""}, defer = {name, over_mallocs("defer_rcu"), ""};
  const char* why = reader == "1" ? why_cycle_beside_reader : why_cycle;
  if (bound == "0") {
    c.targets.push_back({what + " (call_rcu)", ours, call, 1 / 8., 1 / 15., "", why});
    c.targets.push_back({what + " (defer_rcu)", ours, defer, 1 / 3., 1 / 6., "", why});
  } else {
    c.targets.push_back({what + " (call_rcu)", ours, call, 1 / 50., 1 / 150., "", why});
  }
}

// An exchange costs more than all the rest of ours: who may assign sees the difference.
void add_retiring(catalogue& c) {
  for (const char* reader : {"0", "1"}) {
    add_retire_cycle(c, "0", "exchange", reader);
    add_retire_cycle(c, "0", "assign", reader);
    add_retire_cycle(c, "8192", "exchange", reader);
  }
}

void add_synchronize(catalogue& c) {
  const char* group = "Wait for readers";
  for (const char* sleepers : {"0", "1", "64", "4096"}) {
    contest& one =
        add(c, group, "synchronize", {{"running", "0"}, {"sleepers", sleepers}}, "us", updaters());
    if (std::string(sleepers) == "4096") one.repetitions = 3;
  }
  add(c, group, "synchronize", {{"running", "1"}, {"sleepers", "0"}}, "us", updaters());
  for (auto [sleepers, goal, stretch] :
       {std::tuple{"64", 1.2, 0.8}, std::tuple{"4096", 0.2, 0.1}}) {
    std::string name = std::string("synchronize/running:0/sleepers:") + sleepers;
    c.targets.push_back({std::string("synchronise with ") + sleepers + " idle readers",
                         {name, {"graceslab"}, ""},
                         {name, {"liburcu memb"}, ""},
                         goal,
                         stretch,
                         ""});
  }
}

void add_wait_target(catalogue& c, const std::string& what, const contest& one, const char* against,
                     double goal, double stretch) {
  const std::string name = one.name();
  c.targets.push_back({what, {name, {"graceslab"}, ""}, {name, {against}, ""}, goal, stretch, ""});
}

// Threads that the machine has cores for, and more.
void add_updates(catalogue& c) {
  for (const char* section : {"0", "1000"})
    for (const char* readers : {"1", "2", "4", "8"}) {
      contest& one = add(c, "One waits again and again, beside readers that run", "updates",
                         {{"readers", readers}, {"section", section}}, "us", updaters());
      one.seconds = 0.3;
      one.repetitions = 3;
      if (section[0] == '0' || readers[0] == '1') continue;
      add_wait_target(c, std::string("updates beside ") + readers + " readers of 1 us sections",
                      one, "liburcu memb", 1.0, 1 / 3.);
    }
  for (const char* waiters : {"1", "2", "4"}) {
    contest& one = add(c, "Several wait again and again, as many readers are idle", "updates",
                       {{"updaters", waiters}, {"sleepers", waiters}}, "us", updaters());
    one.seconds = 0.1;
    if (waiters[0] == '1') continue;
    add_wait_target(c, std::string("a wait of ") + waiters + " at once, readers idle", one,
                    "liburcu bp", 1.0, 0.5);
  }
}

// In ck each thread waits for its own callbacks only: it takes part where one posts and waits.
void add_callbacks(catalogue& c) {
  who all = updaters();
  all.pop_back();  // libcds has none
  contest& callbacks = add(c, "Callbacks, posted and run", "callbacks", {}, "ns", all);
  callbacks.repetitions = 3;
  auto barrier = [&](const char* callers, const char* pending) {
    contest& one = add(c, "Wait for callbacks", "rcu_barrier",
                       {{"callers", callers}, {"pending", pending}}, "us", all);
    one.repetitions = 3;
  };
  for (const char* pending : {"0", "1", "1000", "1000000"}) barrier("1", pending);
  all.pop_back();
  for (const char* callers : {"4", "16"}) barrier(callers, "1000");
  for (auto [pending, goal, stretch] : {std::tuple{"1", 50, 10}, std::tuple{"1000", 100, 30}}) {
    std::string name = std::string("rcu_barrier/callers:1/pending:") + pending;
    c.targets.push_back({std::string("rcu_barrier with ") + pending + " pending",
                         {name, {"graceslab"}, ""},
                         {},
                         double(goal),
                         double(stretch),
                         "us"});
  }
}

// One of each kind.
who schemes() {
  who all = {ours_inline, ours_called};
  all.push_back({"liburcu memb", "urcu_memb_inline", ""});
  all.push_back({"liburcu memb, defer_rcu", "urcu_memb_defer", ""});
  all.push_back({"liburcu qsbr", "urcu_qsbr_inline", ""});
  all.push_back({"ck epoch", "ck_epoch", ""});
  all.push_back({"libcds", "cds_rcu", ""});
  return all;
}

// The bound is ours: a million nodes of 64 bytes. Peers have none, or the size of their buffer.
void add_stalled(catalogue& c) {
  contest& one = add(c, "A reader stays inside for a second", "stalled", {{"bound", "1048576"}},
                     "MiB", schemes());
  one.metric = "resident_mib";
  one.seconds = 1;
  one.repetitions = 3;
  std::string name = one.name();
  c.targets.push_back({"one reader stalled: memory in flight above the bound",
                       {name, {"graceslab inline"}, "above_bound_kib"},
                       {},
                       0,
                       0,
                       "KiB"});
  c.targets.push_back({"one reader stalled: innocent readers, during against before",
                       {name, {"graceslab inline"}, "slowdown"},
                       {},
                       1.1,
                       1.0,
                       ""});
}

void add_tails(catalogue& c) {
  for (const char* operation : {"clock", "pair", "alloc", "retire", "synchronize"}) {
    contest& one = add(c, "While another thread retires as fast as it can", "tail",
                       {{"operation", operation}}, "ns", schemes());
    if (std::string(operation) == "clock") one.contestants.resize(1);
    one.metric = "p999_ns";
    one.repetitions = 3;
  }
}

void add_many_threads(catalogue& c) {
  for (const char* threads : {"2", "64", "1024", "4096"}) {
    contest& one = add(c, "A hundred sections, then an update, by many threads", "threads",
                       {{"threads", threads}}, "ns", schemes());
    one.seconds = 0.2;
    one.repetitions = 3;
  }
}

const contestant our_hazards = {"graceslab hazard pointers", "graceslab_hazards", "", true};
const contestant their_hazards = {"libcds hazard pointers", "cds_hp", ""};

void add_structures(catalogue& c) {
  for (const char* structure : {"map", "queue"}) {
    who all = schemes();
    if (std::string(structure) == "queue") all.push_back(our_hazards);
    all.push_back(their_hazards);
    contest& one = add(c, "Structures", structure, {{"threads", "2"}}, "ns", all);
    one.seconds = 0.1;
  }
}

void add_hazards(catalogue& c) {
  for (const char* workload : {"hazard_protect", "hazard_cycle"})
    add(c, "Hazard pointers", workload, {}, "ns", {our_hazards, their_hazards});
}

}  // namespace

void add_reclamation(catalogue& c) {
  add_readers(c);
  add_retiring(c);
  add_synchronize(c);
  add_updates(c);
  add_callbacks(c);
  add_stalled(c);
  add_tails(c);
  add_many_threads(c);
  add_structures(c);
  add_hazards(c);
}

}  // namespace graceslab::tool::bench
