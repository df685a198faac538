// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// All domains and caches as a table of text, from anywhere: the locks are tried, the lines are
// built on the stack.
#include "base/format.hpp"
#include "observe/look.hpp"
#include "observe/observe.hpp"
#include "os/descriptor.hpp"
#include "rcu/domain.hpp"

namespace graceslab::observe {
namespace {

using ull = unsigned long long;

constexpr std::size_t line_bytes = 320;

// Writes lines until a write fails.
class lines {
 public:
  explicit lines(int file) noexcept : file_(file) {}
  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept {
    if (error_ != 0) return;
    char text[line_bytes];
    base::writer out(text, sizeof text - 1);
    va_list arguments;
    va_start(arguments, format);
    out.add_list(format, arguments);
    va_end(arguments);
    const std::size_t n = out.written();
    text[n] = '\n';
    error_ = os::write_all(file_, text, n + 1);
  }
  int error() const noexcept { return error_; }

 private:
  int file_;
  int error_ = 0;
};

// Names come from outside: a blank or worse in them would be another column, or drive a terminal.
void make_word(char* name) noexcept {
  if (*name == '\0') *name = '?';
  for (; *name != '\0'; ++name) {
    const auto c = static_cast<unsigned char>(*name);
    if (c <= ' ' || c == 0x7f) *name = '_';
  }
}

constexpr const char* domain_columns =
    "# domain                 readers  gps-done gps-wait callbacks barriers stalls oldest-ms "
    "thread";
constexpr const char* cache_columns =
    "# cache                  stage     objsize  objects allocated   parked    ready deferred  "
    "leaked slabs   KiB oldest-ms";

void add_domain(gs_domain* d, lines& out) noexcept {
  gs_observe_domain row;
  if (!look_at_domain(d, for_dump, &row)) return;
  make_word(row.name);
  char who[40];
  base::writer thread(who, sizeof who);
  if (row.unseen != 0)
    thread.add("        ? ?");
  else if (row.oldest_thread != 0)
    thread.add("%9llu %u", static_cast<ull>(row.oldest_ms), row.oldest_thread);
  else
    thread.add("%9llu -", static_cast<ull>(row.oldest_ms));
  out.add("%-24s %7u %9llu %8llu %9llu %8u %6llu %s", row.name, row.readers,
          static_cast<ull>(row.completed), static_cast<ull>(row.started - row.completed),
          static_cast<ull>(row.callbacks_posted - row.callbacks_invoked), row.barrier_waiters,
          static_cast<ull>(row.stalls), who);
}

void add_cache(slab::cache& c, lines& out) noexcept {
  gs_observe_cache row;
  if (!look_at_cache(c, for_dump, &row)) return;
  make_word(row.name);
  char name[sizeof row.name + 16];
  base::writer(name, sizeof name).add("%s#%u", row.name, row.id);
  if (row.unseen != 0) {
    out.add("%-24s %-8s %8s", name, "?", "busy: its locks were held all the time");
    return;
  }
  out.add("%-24s %-8s %8llu %8llu %9llu %8llu %8llu %8llu %7llu %5llu %5llu %9llu", name,
          stage_name(row.stage), static_cast<ull>(row.object_bytes), static_cast<ull>(row.objects),
          static_cast<ull>(row.allocated), static_cast<ull>(row.parked),
          static_cast<ull>(row.ready), static_cast<ull>(row.deferred), static_cast<ull>(row.leaked),
          static_cast<ull>(row.slabs), static_cast<ull>(row.resident_bytes / 1024),
          static_cast<ull>(row.oldest_ms));
}

}  // namespace

int dump_caches(int file) noexcept {
  lines out(file);
  out.add("# graceslab: what lies in threads' arrays counts as allocated; ? was not to be had");
  out.add("%s", domain_columns);
  for (gs_domain* d = rcu::first_domain(); d != nullptr; d = rcu::next_domain(d))
    add_domain(d, out);
  out.add("%s", cache_columns);
  for (std::uint32_t id = 1; id < slab::cache_ids() && out.error() == 0; ++id)
    add_cache(*slab::cache_from_id(id), out);
  return out.error();
}

}  // namespace graceslab::observe
