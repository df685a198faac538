// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "bounds_case.hpp"

#include <fmt/core.h>

#include <cstdio>
#include <iterator>

namespace graceslab::torture {
namespace {

constexpr const char* kind_names[] = {"plain cache",  "type-safe cache",  "constructed cache",
                                      "debug cache",  "undetected cache", "kmalloc",
                                      "large kmalloc"};
constexpr const char* load_names[] = {
    "bursts",      "a spike, then light use", "idle threads beside a busy one",
    "slow growth", "producer and consumer",   "1000 used once"};
constexpr const char* limit_names[] = {"no limit", "RLIMIT_AS", "RLIMIT_DATA", "mlockall",
                                       "memory cgroup"};
static_assert(std::size(kind_names) == bounds_kinds);
static_assert(std::size(load_names) == bounds_loads);
static_assert(std::size(limit_names) == bounds_limits);

constexpr unsigned sizes[] = {64, 256, 1000, 1024, 4096, 6000, 20'000, 100'000};

}  // namespace

const char* kind_name(unsigned kind) { return kind_names[kind]; }
const char* load_name(unsigned load) { return load_names[load]; }
const char* limit_name(unsigned limit) { return limit_names[limit]; }

bounds_case nth_case(std::uint64_t n, random_source& plan) {
  bounds_case c;
  c.kind = static_cast<unsigned>(n % bounds_kinds);
  c.load = static_cast<unsigned>(n % bounds_loads);
  c.limit = static_cast<unsigned>(n % bounds_limits);
  c.object_bytes = sizes[plan.below(std::size(sizes))];
  c.retired_of_8 = plan.one_in(2) ? plan.below(9) : 0;
  c.seed = static_cast<unsigned>(plan.next());
  return c;
}

std::string describe(const bounds_case& c) {
  std::string objects;
  if (c.kind < kmalloc_kind) objects = fmt::format(", objects of {} bytes", c.object_bytes);
  return fmt::format("{}{}, {}, {}, {} of 8 retired (--bounds-child {})", kind_name(c.kind),
                     objects, load_name(c.load), limit_name(c.limit), c.retired_of_8, to_text(c));
}

std::string to_text(const bounds_case& c) {
  return fmt::format("{}:{}:{}:{}:{}:{}", c.kind, c.load, c.limit, c.object_bytes, c.retired_of_8,
                     c.seed);
}

bool from_text(const std::string& text, bounds_case* c) {
  return std::sscanf(text.c_str(), "%u:%u:%u:%u:%u:%u", &c->kind, &c->load, &c->limit,
                     &c->object_bytes, &c->retired_of_8, &c->seed) == 6 &&
         c->kind < bounds_kinds && c->load < bounds_loads && c->limit < bounds_limits;
}

}  // namespace graceslab::torture
