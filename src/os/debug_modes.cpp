// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The blocks stay text: caches are made seldom, and what is shown is what is obeyed.
#include "os/debug_modes.hpp"

#include <graceslab/detail/atomic.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "base/format.hpp"
#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/report.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {
namespace {

constexpr std::size_t text_bytes = 1024;
constexpr unsigned names_marked = 64;

word_lock modes_lock;
char blocks_now[text_bytes];  // guarded by it
std::uint64_t matched;        // bit per name, in their order; guarded by it
std::uint32_t given;          // some block has a letter; atomic
std::uint32_t asked;          // some cache was made; atomic

struct block {
  unsigned modes = 0;
  const char* names = nullptr;  // behind the comma; nullptr: of all caches
  const char* end = nullptr;
};

struct word {
  const char* start;
  const char* end;
};

unsigned mode_of(char letter) noexcept {
  switch (letter | 0x20) {
    case 'f':
      return debug_checks;
    case 'z':
      return debug_red_zone;
    case 'p':
      return debug_poison;
    case 'u':
      return debug_owners;
    case 't':
      return debug_trace;
    default:
      return 0;
  }
}

// False: there is none. `unknown` is called with each letter that is none.
template <class Unknown>
bool next_block(const char*& at, block* out, Unknown unknown) noexcept {
  while (*at == ';') ++at;
  if (*at == '\0') return false;
  *out = {};
  if (*at == ',') out->modes = debug_usual;
  for (; *at != '\0' && *at != ',' && *at != ';'; ++at) {
    if (*at == '-')
      out->modes = 0;
    else if (const unsigned mode = mode_of(*at); mode != 0)
      out->modes |= mode;
    else
      unknown(*at);
  }
  if (*at == ',') out->names = at + 1;
  at += std::strcspn(at, ";");
  out->end = at;
  return true;
}

bool next_block(const char*& at, block* out) noexcept {
  return next_block(at, out, [](char) {});
}

// use(word) of each name that is not empty, until it says true.
template <class Use>
bool any_name(const block& b, Use use) noexcept {
  for (const char* at = b.names != nullptr ? b.names : b.end; at < b.end; ++at) {
    const char* end = at;
    while (end != b.end && *end != ',') ++end;
    if (end != at && use(word{at, end})) return true;
    at = end;
  }
  return false;
}

// At a mismatch, the last star takes one character more.
bool matches(word glob, const char* name) noexcept {
  const char *at = glob.start, *star = nullptr, *star_name = nullptr;
  while (*name != '\0') {
    if (at != glob.end && *at == '*') {
      star = at++;
      star_name = name;
    } else if (at != glob.end && (*at == '?' || *at == *name)) {
      ++at;
      ++name;
    } else if (star != nullptr) {
      at = star + 1;
      name = ++star_name;
    } else {
      return false;
    }
  }
  while (at != glob.end && *at == '*') ++at;
  return at == glob.end;
}

// Under modes_lock.
unsigned modes_of(const char* name) noexcept {
  unsigned of_all = 0, index = 0;
  block b;
  for (const char* at = blocks_now; next_block(at, &b);) {
    if (b.names == nullptr) of_all = b.modes;
    const bool found = any_name(b, [&](word glob) {
      const unsigned mine = index++;
      if (!matches(glob, name)) return false;
      if (mine < names_marked) matched |= std::uint64_t{1} << mine;
      return true;
    });
    if (found) return b.modes;
  }
  return of_all;
}

bool any_letter(const char* blocks) noexcept {
  block b;
  while (next_block(blocks, &b))
    if (b.modes != 0) return true;
  return false;
}

// Each letter once, in words.
class unknown_letters {
 public:
  void add(char letter) noexcept {
    const auto index = static_cast<unsigned char>(letter);
    if ((seen_[index / 64] >> (index % 64) & 1) != 0) return;
    seen_[index / 64] |= std::uint64_t{1} << (index % 64);
    out_.add("%s'%c'", out_.needed() != 0 ? ", " : "", letter);
  }
  bool none() const noexcept { return out_.needed() == 0; }
  const char* text() const noexcept { return text_; }

 private:
  std::uint64_t seen_[4] = {};
  char text_[160];
  base::writer out_{text_, sizeof text_};
};

bool understood(const char* blocks) noexcept {
  unknown_letters unknown;
  bool without_name = false;
  block b;
  for (const char* at = blocks; next_block(at, &b, [&](char letter) { unknown.add(letter); });)
    if (b.names != nullptr && !any_name(b, [](word) { return true; })) without_name = true;
  if (unknown.none() && !without_name) return true;
  draft text(GS_REPORT_BAD_CONFIG);
  text.add("GRACESLAB_DEBUG=%.128s:", blocks);
  if (!unknown.none())
    text.add(" unknown letters: %s (known: F, Z, P, U, T, or - for none);", unknown.text());
  if (without_name) text.add(" no name behind a comma;");
  text.add(" the rest holds");
  return false;
}

// False: too long.
bool change(const char* blocks, bool keep) noexcept {
  const std::size_t length = std::strlen(blocks);
  word_guard hold(modes_lock);
  std::size_t before = keep ? std::strlen(blocks_now) : 0;
  if (before + length + 2 > text_bytes) return false;
  if (before != 0) blocks_now[before++] = ';';
  std::memcpy(blocks_now + before, blocks, length + 1);
  if (!keep) matched = 0;
  gs_store_relaxed(&given, any_letter(blocks_now) ? 1u : 0u);
  return true;
}

int change_and_check(const char* blocks, bool keep) noexcept {
  if (change(blocks, keep)) return understood(blocks) ? 0 : -EINVAL;
  report(GS_REPORT_BAD_CONFIG, "GRACESLAB_DEBUG: more than %zu characters; nothing is changed",
         text_bytes - 2);
  return -E2BIG;
}

// A slip of the pen, as a rule. A process without caches of its own has nothing to say.
void report_unmatched() noexcept {
  char names[256];
  if (gs_load_relaxed(&asked) != 0 && debug_names_unmatched(names, sizeof names) != 0)
    report(GS_REPORT_BAD_CONFIG, "GRACESLAB_DEBUG: no cache was made with a name like:%s", names);
}

[[gnu::constructor(101)]] void start_modes() noexcept {
  constexpr int after_drains = 900;
  on_process_exit(after_drains, report_unmatched);
  on_fork({fork_rank_modes, [] { modes_lock.lock(); }, [] { modes_lock.unlock(); },
           [] { modes_lock.reset_in_child(); }});
}

}  // namespace

unsigned debug_modes_of(const char* cache_name) noexcept {
  gs_store_relaxed(&asked, 1u);
  if (!debug_modes_given()) return 0;
  word_guard hold(modes_lock);
  return modes_of(cache_name);
}

bool debug_modes_given() noexcept { return gs_load_relaxed(&given) != 0; }

bool tells_leaks_at_exit() noexcept {
  const int told = gs_load_relaxed(&settings.leaks_at_exit);
  return told == leaks_auto ? debug_modes_given() : told == leaks_on;
}

int set_debug_modes(const char* blocks) noexcept { return change_and_check(blocks, false); }
int add_debug_modes(const char* blocks) noexcept { return change_and_check(blocks, true); }

const char* debug_modes_text() noexcept { return blocks_now[0] != '\0' ? blocks_now : "-"; }

std::size_t debug_names_unmatched(char* text, std::size_t bytes) noexcept {
  base::writer out(text, bytes);
  word_guard hold(modes_lock);
  unsigned index = 0;
  block b;
  for (const char* at = blocks_now; next_block(at, &b);)
    any_name(b, [&](word glob) {
      const unsigned mine = index++;
      if (mine < names_marked && (matched >> mine & 1) == 0)
        out.add(" %.*s", static_cast<int>(glob.end - glob.start), glob.start);
      return false;
    });
  return out.needed();
}

}  // namespace graceslab::os
