// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How long each approach holds its caller, in the small: often enough for a 99th percentile.
#include "questions.hpp"
#include "reports.hpp"
#include "small_cache.hpp"

namespace graceslab::lab {
namespace {

constexpr unsigned objects = 32;
constexpr unsigned parked_ms = 20, parked_repetitions = 5;

// The approaches take turns, so that a slow moment of the machine hits them alike.
std::vector<std::vector<double>> in_turns(unsigned repetitions, bool parked) {
  std::vector<std::vector<double>> times(approaches().size());
  for (unsigned i = 0; i < repetitions; ++i)
    for (std::size_t a = 0; a < times.size(); ++a) {
      {
        std::optional<parked_reader> reader;
        if (parked) reader.emplace();
        small_cache s(approaches()[a].which, objects);
        if (parked) reader->leave_after(std::chrono::milliseconds(parked_ms));
        times[a].push_back(s.end());
      }
      settle_caches();
    }
  return times;
}

}  // namespace

small_result run_small(unsigned rounds, progress& show) {
  small_result result;
  report_catcher reports;
  result.objects = objects;
  result.repetitions = 20 * rounds;
  result.parked_ms = parked_ms;
  result.parked_repetitions = parked_repetitions;
  show.detail("small caches");
  std::vector<std::vector<double>> quiet = in_turns(result.repetitions, false);
  std::vector<std::vector<double>> parked = in_turns(parked_repetitions, true);
  for (std::size_t a = 0; a < quiet.size(); ++a)
    result.rows.push_back({&approaches()[a], percentiles_of(quiet[a]), percentiles_of(parked[a])});
  result.problems = reports.first_few();
  show.step("small caches: {} ended by each approach", result.repetitions);
  return result;
}

}  // namespace graceslab::lab
