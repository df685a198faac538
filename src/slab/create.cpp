// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include <algorithm>

#include "os/debug_modes.hpp"
#include "os/event.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "slab/debug.hpp"
#include "slab/hooks.hpp"
#include "slab/patience.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {
namespace {

constexpr std::size_t size_max = std::size_t{1} << 20;
constexpr std::size_t align_max = std::size_t{64} << 10;
constexpr std::size_t slab_bytes_max = std::size_t{1} << 20;
constexpr std::uint32_t parked_bytes_most = 256u << 10;  // per thread and cache, in three arrays

std::size_t natural_align(std::size_t size) noexcept {
  return size >= 16 ? 16 : size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
}

const char* problem_with(const gs_cache_options& o) noexcept {
  if (o.size == 0 || o.size > size_max) return "the size must be 1 byte to 1 MiB";
  if (o.align > align_max || (o.align & (o.align - 1)) != 0)
    return "the alignment must be 0 or a power of two to 64 KiB";
  if ((o.flags & ~flags_known) != 0) return "unknown flags";
  if ((o.flags & flag_no_detection) != 0 && (o.flags & flags_debug) != 0)
    return "no detection does not go with debug flags";
  if (o.ctor != nullptr && o.dtor != nullptr)
    return "a constructor that runs once per slab does not go with a destructor that runs at each "
           "harvest";
  return nullptr;
}

// 0: three arrays of one would be too much.
std::uint32_t capacity_for(std::size_t size, std::uint32_t stride) noexcept {
  const std::uint32_t by_count = size > 4096 ? 16 : size > 1024 ? 32 : 64;
  return std::min(by_count, parked_bytes_most / 3 / stride);
}

void set_layout(cache& c, std::size_t size, std::size_t align, std::uint32_t zone_bytes) noexcept {
  std::size_t a = natural_align(size);
  if (align > a) a = align;
  if ((c.flags & flag_hwcache_align) != 0 && a < GS_CACHE_LINE && size > GS_CACHE_LINE / 2)
    a = GS_CACHE_LINE;
  const std::size_t bytes = size + zone_bytes;
  if ((c.flags & flag_red_zone) != 0) c.red_zone_at = static_cast<std::uint32_t>(size);
  c.size = static_cast<std::uint32_t>(size);
  c.align = static_cast<std::uint32_t>(a);
  c.stride = static_cast<std::uint32_t>((bytes + a - 1) / a * a);
  if (c.stride < 2) c.stride = 2;
  c.inverse = GS_INVERSE(c.stride);
  c.sheaf_capacity = capacity_for(size, c.stride);
  // At least eight objects a slab where that stays within 1 MiB.
  std::size_t wanted = std::size_t{c.stride} * 8;
  if (wanted > slab_bytes_max) wanted = slab_bytes_max;
  if (wanted < c.stride) wanted = c.stride;
  c.slab_granules = static_cast<std::uint32_t>((wanted + granule_bytes - 1) / granule_bytes);
  c.slab_objects =
      static_cast<std::uint32_t>((std::size_t{c.slab_granules} * granule_bytes) / c.stride);
}

void copy_name(cache& c, const char* name) noexcept {
  if (name == nullptr) name = "?";
  std::size_t i = 0;
  for (; i + 1 < sizeof c.name && name[i] != 0; ++i) c.name[i] = name[i];
  c.name[i] = 0;
}

// Where somebody will want to know at exit.
std::uint32_t stack_of_creation(const void* site) noexcept {
  return os::tells_leaks_at_exit() ? os::stack_id(os::stack_since(site)) : 0;
}

// ORDER handle.open <-> handle.look   (docs/ordering/teardown.md, claim 9)
// The handle and all that the cache is come before the stage.
void open(cache& c) noexcept { gs_store_release(&c.stage, std::uint32_t{GS_STAGE_OPEN}); }

cache* created(cache* c) noexcept {
  os::event::cache_create(c->id, c->size, hooks.domain_id(c->domain), c->name);
  return c;
}

cache* try_new() noexcept { return heap_ready() ? cache_new() : nullptr; }

// What other caches hold serves a new one, too.
cache* new_or_relieved() noexcept {
  cache* c = try_new();
  if (c == nullptr && hooks.relieve(nullptr, limited::by_process, 0)) c = try_new();
  return c;
}

}  // namespace

cache* create(const gs_cache_options& o, const void* site) noexcept {
  if (const char* problem = problem_with(o)) {
    os::report(GS_REPORT_BAD_CACHE_ARGUMENTS, "cache '%s', size %zu, align %zu, flags %#x: %s",
               o.name != nullptr ? o.name : "?", o.size, o.align, o.flags, problem);
    return nullptr;
  }
  cache* c = new_or_relieved();
  if (c == nullptr) {
    report_limit("creation of a cache", cache_record_bytes, o.name != nullptr ? o.name : "?");
    return nullptr;
  }
  copy_name(*c, o.name);
  c->flags = debug_flags(c->name, o.flags);
  c->ctor = o.ctor;
  c->dtor = o.dtor;
  c->domain = o.domain;
  c->owner = o.owner;
  c->policy = o.policy;
  c->pressure = o.pressure;
  c->pending_limit_bytes = o.pending_limit_bytes;
  set_layout(*c, o.size, o.align, debug_zone_bytes(c->flags));
  c->create_stack = stack_of_creation(site);
  if (hooks.open_in_domain(*c, open)) return created(c);
  cache_delete(*c);
  return nullptr;
}

cache* create_internal(record_supply& from, const char* name, std::uint32_t size,
                       unsigned flags) noexcept {
  cache* c = from.take();
  if (c == nullptr) return nullptr;
  copy_name(*c, name);
  c->flags = debug_flags(c->name, flags);
  if ((flags & flag_large_runs) != 0) {
    c->sheaf_capacity = 1;  // stride 0 and inverse 1: only offset 0 of a run is an object
  } else {
    // A power of two is a multiple of itself, also where something lies between them.
    const bool power = (size & (size - 1)) == 0, zone = (c->flags & flag_red_zone) != 0;
    set_layout(*c, size, power && zone ? size : 0, zone ? debug_zone_bytes(c->flags) : 0);
  }
  open(*c);
  return created(c);
}

}  // namespace graceslab::slab
