// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the laboratory found, plain: printed as tables and as JSON, read back from JSON, and shown
// as a page. Times are in microseconds.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "../fields.hpp"
#include "../machine.hpp"
#include "input.hpp"
#include "module/abi.hpp"

namespace graceslab::lab {

// ---- each approach, with real modules ----

struct approach_info {
  approach which;
  const char* id;
  const char* paper;  // its number in the contract
  const char* what;
  bool waits = true;  // nothing is in flight when its exit function returns
};
const std::vector<approach_info>& approaches();

struct percentiles {
  double p50 = 0;
  double p90 = 0;
  double p99 = 0;
  double most = 0;
};
percentiles percentiles_of(std::vector<double> samples);  // by the nearest rank
double median(std::vector<double> samples);

struct approach_result {
  const approach_info* info = nullptr;
  unsigned rounds = 0;
  std::uint64_t objects_in_flight = 0;  // at destroy, the median of the rounds
  std::uint64_t objects_retired = 0;
  std::uint64_t objects_reclaimed = 0;
  std::uint64_t objects_leaked = 0;
  std::uint64_t grace_periods = 0;  // from the beginning of the teardown until home, all rounds
  percentiles destroy_us;
  percentiles home_us;
  double lookups_per_s = 0;
  double updates_per_s = 0;
  std::uint64_t host_lookups_meanwhile = 0;  // in the host's own table, from withdrawal until home
  bool unmapped = true;
  std::vector<std::string> problems;  // why the promise was not kept; empty: it was

  bool kept() const { return problems.empty(); }
};

// ---- questions that the approaches raise ----

struct many_point {
  unsigned caches;
  double global_us;  // kfree_rcu_barrier() + N times kmem_cache_destroy()
  double single_us;  // N times kmem_cache_destroy_wait()
  double async_us;   // N times kmem_cache_destroy_rcu() + kmem_cache_destroy_barrier()
};

struct many_result {
  std::vector<many_point> points;
  // From this N on, the global barrier was faster at every N measured.
  std::optional<unsigned> crossover;
  std::vector<std::string> problems;
};

// Ending a small cache, often: percentiles that deserve the name.
struct small_row {
  const approach_info* info = nullptr;
  percentiles destroy_us;
  percentiles parked_us;  // the same while a reader stays in its section for `parked_ms`
};
struct small_result {
  unsigned objects = 0;  // given up, and in flight
  unsigned repetitions = 0;
  unsigned parked_ms = 0;
  unsigned parked_repetitions = 0;
  std::vector<small_row> rows;
  std::vector<std::string> problems;
};

// The wait for one cache beside the wait for all, as others have objects in flight.
struct one_point {
  unsigned others = 0;         // caches
  std::uint64_t given_up = 0;  // objects, of all caches, just before the wait
  double one_us = 0;           // kmem_cache_free_barrier()
  double all_us = 0;           // kfree_rcu_barrier()
};
struct one_result {
  std::vector<one_point> points;
  std::vector<std::string> problems;
};

// What memory does while a reader stays in its section.
struct parked_sample {
  std::uint64_t updates = 0;
  std::uint64_t waiting = 0;  // objects given up and not back
  std::uint64_t resident_bytes = 0;
};
struct parked_info {
  const char* id;
  const char* what;
};
const std::vector<parked_info>& parked_ways();
struct parked_row {
  const parked_info* info = nullptr;
  std::vector<parked_sample> samples;
  double home_us = 0;                // from the reader's leaving until all objects were back
  std::uint64_t resident_after = 0;  // then, once empty slabs were given back
};
struct parked_result {
  std::uint64_t object_bytes = 0;
  std::vector<parked_row> rows;
  std::vector<std::string> problems;
};

// Callbacks that post the next one: how often somebody who counts rounds has to wait.
struct chain_point {
  unsigned depth = 0;     // callbacks that each posts the next, after the first
  unsigned barriers = 0;  // calls of rcu_barrier() until the last had run
  double barriers_us = 0;
  std::uint64_t drain_grace_periods = 0;  // of one call of gs_domain_drain()
  double drain_us = 0;
  double held_us = 0;  // destroy of the cache of the links, SLAB_DESTROY_ONCE_FULLY_FREED
  double home_us = 0;  // until that cache was gone
};
struct chains_result {
  std::vector<chain_point> points;
  std::vector<std::string> problems;
};

// Those who have nothing to do with it, while somebody ends caches.
struct innocent_row {
  const approach_info* info = nullptr;  // nullptr: nobody ends any
  std::uint64_t ended = 0;              // caches
  double lookups_per_cpu_s = 0;         // of the host's readers, for their own time
  percentiles update_us;                // one object allocated, one retired
  percentiles wait_us;                  // kmem_cache_free_barrier() of one's own cache
};
struct innocents_result {
  double seconds = 0;  // for each row
  std::vector<innocent_row> rows;
  std::vector<std::string> problems;
};

// ---- mistakes ----

struct unsafe_info {
  unsafe which;
  const char* id;
  const char* what;
};
const std::vector<unsafe_info>& unsafe_variants();

struct unsafe_result {
  const unsafe_info* info = nullptr;
  bool protection = false;
  std::string outcome;               // one of a few phrases: see docs/guide/lab.md
  std::string evidence;              // what it was concluded from
  std::vector<std::string> reports;  // kinds of the library's reports, each once
  bool caught = false;
};

// ---- all of it ----

struct load {
  unsigned rounds = 0;
  double seconds = 0;
};

struct input_facts {
  std::uint64_t ranges = 0, ipv4 = 0, ipv6 = 0;
  std::vector<input_file> files;
};

struct findings {
  tool::machine where;
  input_facts table;
  load work;
  unsigned readers = 0;
  unsigned updaters = 0;
  std::vector<approach_result> approaches;
  std::optional<many_result> many;
  std::optional<small_result> small;
  std::optional<one_result> one;
  std::optional<parked_result> parked;
  std::optional<chains_result> chains;
  std::optional<innocents_result> innocents;
  std::vector<unsafe_result> unsafe;
  double seconds = 0;

  // Every approach kept its promise, every unsafe variant was caught, and the library had nothing
  // to report meanwhile.
  bool good() const;
};

// Standard output.
void print_tables(const findings& f);
void print_json(const findings& f);

nlohmann::ordered_json json_of(const findings& f);
// What json_of() gave. Throws tool::foreign_json.
findings findings_of(const tool::fields& from);
// Its part of a page; markup.
std::string html_of(const findings& f);
constexpr const char* page_title = "Waiting for kfree_rcu(), measured";
// A page of what json_of() tells, no more, so that both agree. Throws tool::usage_error.
void write_page(const findings& f, const std::string& file, std::string_view option);

}  // namespace graceslab::lab
