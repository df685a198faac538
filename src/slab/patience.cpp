// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/patience.hpp"

#include "os/exit.hpp"
#include "os/pages.hpp"
#include "os/report.hpp"
#include "slab/hooks.hpp"
#include "slab/misuse.hpp"

namespace graceslab::slab {
namespace {

constexpr std::uint64_t us_per_ms = 1000;
constexpr std::uint64_t nap_least_us = 1 * us_per_ms;
constexpr std::uint64_t nap_most_us = 100 * us_per_ms;
constexpr std::uint64_t relief_ms = 100;  // a reader that stays longer is not waited for

}  // namespace

bool patience::persists() const noexcept {
  return (gfp_ & gfp_nofail) != 0 && (gfp_ & (gfp_nowait | gfp_atomic)) == 0;
}

bool patience::once_more(cache* c) noexcept {
  refusal_ = last_refusal(c);
  if (refusal_.for_ever())
    return persists() ? never("the memory limit is less than that") != nullptr : give_up(c);
  if (attempts_++ == 0) {
    const bool waits = (gfp_ & (gfp_nowait | gfp_atomic)) == 0;
    return hooks.relieve(c, refusal_.by, waits ? relief_ms : 0) || waits || give_up(c);
  }
  if (!persists()) return give_up(c);
  if (nap_us_ != 0) {
    if (nap_us_ == nap_most_us) report_long_wait(c);
    os::short_wait::of_any_length("memory").nap(nap_us_);
  }
  nap_us_ = nap_us_ == 0 ? nap_least_us : nap_us_ * 2;
  if (nap_us_ > nap_most_us) nap_us_ = nap_most_us;
  (void)hooks.relieve(c, refusal_.by, nap_us_ / us_per_ms);
  return true;
}

void* patience::never(const char* why) const noexcept {
  if (persists() && (gfp_ & gfp_nowarn) == 0)
    os::report(GS_REPORT_NO_MEMORY,
               "%s of %zu bytes with __GFP_NOFAIL at %s can never succeed: %s; NULL", operation_,
               bytes_, place(site_).text, why);
  return nullptr;
}

bool patience::give_up(const cache* c) const noexcept {
  if ((gfp_ & gfp_nowarn) != 0) return false;
  if (refusal_.by != limited::by_process)
    report_limited(c);
  else
    report_limit(operation_, bytes_, place(site_).text);
  return false;
}

void patience::report_limited(const cache* c) const noexcept {
  os::report(GS_REPORT_NO_MEMORY,
             "%s of %zu bytes from cache '%s' at %s found no memory: the memory limit of its %s is "
             "%llu bytes, and %llu are in use; NULL",
             operation_, bytes_, c != nullptr ? c->name : "?", place(site_).text,
             refusal_.by == limited::by_cache ? "cache" : "domain",
             static_cast<unsigned long long>(refusal_.limit),
             static_cast<unsigned long long>(refusal_.used));
}

void patience::report_long_wait(const cache* c) noexcept {
  if (reported_ || (gfp_ & gfp_nowarn) != 0) return;
  reported_ = true;
  os::report(GS_REPORT_NO_MEMORY,
             "%s of %zu bytes from cache '%s' with __GFP_NOFAIL at %s found no memory %u times and "
             "goes on trying",
             operation_, bytes_, c != nullptr ? c->name : "?", place(site_).text, attempts_);
}

void report_limit(const char* operation, std::size_t bytes, const char* where) noexcept {
  static std::uint32_t told;  // atomic: the limits that were named, as a number
  constexpr std::size_t at_a_time = std::size_t{1} << 20;  // what small requests are served from
  const std::uint32_t limits = os::limits_number();
  if (gs_exchange(&told, limits) == limits) return;
  char why[96];
  if (os::describe_limit(bytes > at_a_time ? bytes : at_a_time, why, sizeof why) == 0) {
    gs_store_relaxed(&told, 0u);
    return;
  }
  os::report(GS_REPORT_NO_MEMORY, "%s of %zu bytes at %s found no memory: %s; NULL", operation,
             bytes, where, why);
}

}  // namespace graceslab::slab
