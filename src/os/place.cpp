// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/place.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>

#include "base/format.hpp"
#include "base/hash.hpp"
#include "os/build.hpp"
#include "os/keep_errno.hpp"
#include "os/kept.hpp"
#include "os/sanitizer.hpp"
#include "os/symbol.hpp"
#include "os/symbol_file.hpp"

namespace graceslab::os {
namespace {

struct module {
  std::uintptr_t bias = 0;
  build what;
  const char* path = nullptr;  // nullptr: the code lies in no module
  bool main_program = false;
};

struct place {
  std::uintptr_t code = 0;  // of an instruction
  std::uint32_t module = 0;
  std::uint32_t next = 0;
  const char* function = nullptr;
  std::uintptr_t start = 0;  // of the function
  bool sought = false;       // in the file: it has no name for this
};

// Both are guarded by kept_guard.
kept_records<module, 8192, 64> modules;
kept_records<place, 1u << 18> places;
kept_chains by_code;

constexpr std::size_t most_name_bytes = 240;

std::uintptr_t code_of(const void* address, address_is what) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) - static_cast<unsigned>(what);
}

module module_around(const link_map* object, const void* code) noexcept {
  module m;
  if (!object) return m;
  m.bias = object->l_addr;
  m.what = build_of(object, code);
  m.path = path_of(object);
  m.main_program = is_main_program(object);
  return m;
}

bool same(const module& a, const module& b) noexcept {
  return a.bias == b.bias && a.what.known() == b.what.known() &&
         (!a.what.known() || a.what.like(b.what)) && std::strcmp(a.path, b.path) == 0;
}

// Few are loaded at a time; the last ones are the likeliest.
std::uint32_t find(const module& wanted) noexcept {
  std::uint32_t id = modules.count();
  while (id != 0 && !same(modules[id], wanted)) --id;
  return id;
}

std::uint32_t keep(const module& m) noexcept {
  if (const std::uint32_t known = find(m)) return known;
  module kept = m;
  kept.path = keep_text(m.path);
  return kept.path ? modules.add(kept) : 0;
}

std::uint64_t hash_of(std::uintptr_t code, std::uint32_t module) noexcept {
  return base::mix(code ^ std::uint64_t{module} << 48);
}

std::uint32_t find(std::uintptr_t code, std::uint32_t module) noexcept {
  std::uint32_t id = by_code.first(hash_of(code, module));
  while (id != 0 && (places[id].code != code || places[id].module != module)) id = places[id].next;
  return id;
}

std::uint32_t keep(place p, const module& m) noexcept {
  if (m.path) p.module = keep(m);
  if (m.path && p.module == 0) return 0;
  if (const std::uint32_t known = find(p.code, p.module)) return known;
  if (p.function) p.function = keep_text(p.function);
  const std::uint64_t hash = hash_of(p.code, p.module);
  p.next = by_code.first(hash);
  const std::uint32_t id = by_code.ready() ? places.add(p) : 0;
  if (id != 0) by_code.set_first(hash, id);
  return id;
}

place look_at(const link_map* object, std::uintptr_t code) noexcept {
  place p;
  p.code = code;
  if (!object) return p;
  const symbol exported = symbol_at(object, reinterpret_cast<const void*>(code));
  p.function = exported.name;
  p.start = reinterpret_cast<std::uintptr_t>(exported.start);
  return p;
}

bool may_be_named(const place& p) noexcept { return p.module != 0 && !p.function && !p.sought; }

// Places of one module.
struct batch {
  module in;
  std::uint32_t id[most_at_once];
  symbol_file::sought all[most_at_once];
  std::size_t n = 0;
};

// The first of them that may be named, and the others of its module, which are taken out.
bool gather(std::uint32_t* ids, std::size_t n, batch* out) noexcept {
  kept_guard guard;
  std::uint32_t module = 0;
  out->n = 0;
  for (std::size_t i = 0; guard && i != n; ++i) {
    if (ids[i] == 0) continue;
    const place& p = places[ids[i]];
    if (may_be_named(p) && module == 0) module = p.module;
    if (!may_be_named(p) || p.module != module) continue;
    out->in = modules[module];
    out->id[out->n] = ids[i];
    out->all[out->n++] = {p.code - out->in.bias};
    ids[i] = 0;
  }
  return out->n != 0;
}

void name(batch& b) noexcept {
  const symbol_file file(b.in.main_program ? "/proc/self/exe" : b.in.path, b.in.what);
  if (!file.usable()) return;  // perhaps later
  file.find(b.all, b.n);
  for (std::size_t i = 0; i != b.n; ++i) {
    char text[most_name_bytes];
    const bool found = file.read_name(b.all[i], text, sizeof text);
    kept_guard guard;
    if (!guard) return;
    place& p = places[b.id[i]];
    p.sought = true;
    if (!found || p.function) continue;
    p.start = b.all[i].start + b.in.bias;
    p.function = keep_text(text);
  }
}

// Where it is stays readable, however long the name.
std::size_t write(const place& p, const module& m, address_is what, char* text,
                  std::size_t bytes) noexcept {
  const std::uintptr_t address = p.code + static_cast<unsigned>(what);
  base::writer out(text, bytes);
  if (!m.path) return out.add("%p", reinterpret_cast<void*>(address)), out.written();
  const char* slash = std::strrchr(m.path, '/');
  char id[20], where[128];
  m.what.add_to(id);
  base::writer in(where, sizeof where);
  in.add("(%.80s+0x%tx%s)", slash ? slash + 1 : m.path, address - m.bias, id);
  constexpr std::size_t offset_bytes = 20;
  const std::size_t taken = in.written() + offset_bytes;
  const std::size_t room = bytes > taken ? bytes - taken : 0;
  if (p.function && room != 0)
    out.add("%.*s+0x%tx %s", static_cast<int>(room), p.function, address - p.start, where);
  else
    out.add("? %s", where);
  return out.written();
}

}  // namespace

std::uint32_t place_of(const void* address, address_is what) noexcept {
  unseen ours;
  const std::uintptr_t code = code_of(address, what);
  const auto* at = reinterpret_cast<const void*>(code);
  const link_map* object = object_of(at);
  const module around = module_around(object, at);
  {
    kept_guard guard;
    if (!guard) return 0;
    const std::uint32_t module = around.path ? find(around) : 0;
    if (module != 0 || !around.path)
      if (const std::uint32_t id = find(code, module)) return id;
  }
  const place fresh = look_at(object, code);  // outside the lock: it takes a while
  kept_guard guard;
  return guard ? keep(fresh, around) : 0;
}

void name_places(const std::uint32_t* ids, std::size_t n) noexcept {
  unseen ours;
  std::uint32_t left[most_at_once];
  n = std::min(n, most_at_once);
  std::copy(ids, ids + n, left);
  batch b;
  while (gather(left, n, &b)) name(b);
}

void name_places_around(const void* inside) noexcept {
  constexpr std::uint32_t most = 16 * most_at_once;
  unseen ours;
  const module around = module_around(object_of(inside), inside);
  std::uint32_t ids[most];
  std::uint32_t n = 0;
  {
    kept_guard guard;
    const std::uint32_t module = guard && around.path ? find(around) : 0;
    for (std::uint32_t id = module != 0 ? places.count() : 0; id != 0 && n != most; --id)
      if (places[id].module == module && may_be_named(places[id])) ids[n++] = id;
  }
  for (std::uint32_t done = 0; done < n; done += most_at_once)
    name_places(ids + done, std::min<std::size_t>(most_at_once, n - done));
}

std::size_t describe_place(std::uint32_t id, address_is what, char* text,
                           std::size_t bytes) noexcept {
  unseen ours;
  place p;
  module m;
  {
    kept_guard guard;
    if (!guard || id == 0 || id > places.count()) return 0;
    p = places[id];
    if (p.module != 0) m = modules[p.module];
  }
  return write(p, m, what, text, bytes);
}

std::size_t describe_unkept(const void* address, address_is what, char* text,
                            std::size_t bytes) noexcept {
  const std::uintptr_t code = code_of(address, what);
  const link_map* object = object_of(reinterpret_cast<const void*>(code));
  return write(look_at(object, code), module_around(object, reinterpret_cast<const void*>(code)),
               what, text, bytes);
}

}  // namespace graceslab::os
