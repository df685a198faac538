// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// One table drives the environment, gs_config_items and gs_config_set.
#include "os/config.hpp"

#include <graceslab/detail/atomic.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "base/format.hpp"
#include "os/debug_modes.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/trace.hpp"
#include "os/word_lock.hpp"

namespace graceslab::os {

// The library's own sanitizer builds test its arrays.
#ifndef GRACESLAB_SANITIZERS_AUTO
#define GRACESLAB_SANITIZERS_AUTO 1
#endif

constexpr int default_stack_signal = 39;  // SIGRTMIN+5 with glibc, whose SIGRTMIN is no constant

constinit config settings = {
    .destroy = GS_POLICY_LINGER,
    .abort_on_violation = false,
    .stall_ms = 21000,
    .linger_splat_ms = 21000,
    .at_exit = exit_policy::drain,
    .exit_ms = 1000,
    .barrier_covers_retire = false,
    .owner_protection = true,
    .stack_signal = default_stack_signal,
    .fence = -1,
    .retire_age_ms = 10,
    .lazy = false,
    .park_age_ms = 1000,
    .callback_batch = 10,
    .callback_cap_ms = 3,
    .callback_workers = 4,
    .retire_threshold = 8192,
    .pending_limit = 0,
    .memory_limit = 0,
    .pressure = GS_PRESSURE_EXPEDITE,
    .background = true,
    .helper_idle_ms = 2000,
    .helper_stack = 524288,
    .helper_priority = 0,
    .helper_cpus = 0,
    .depots = 0,
    .sanitizers = GRACESLAB_SANITIZERS_AUTO,
    .leaks_at_exit = leaks_auto,
    .observe = false,
    .trace = 0,
    .guard = 0,
};

namespace {

enum class storage { flag, word32, word64, modes, path };

struct setting {
  const char* variable;
  const char* fallback;
  const char* meaning;
  void* field;
  storage kind;
  const char* words;  // "first|second|...", nullptr for a number; of modes, a path: what is legal
  int first;          // value of the first word
  std::uint64_t low, high;  // of a number
};

constexpr std::uint64_t longest_ms = 1000ull * 86400 * 365;

#define GS_NUMBER_OF(field) &settings.field, storage::word64, nullptr, 0
#define GS_FLAG_OF(field, words) &settings.field, storage::flag, words, 0, 0, 0
#define GS_CHOICE_OF(field, words, first) &settings.field, storage::word32, words, first, 0, 0

constexpr setting table[] = {
    {"GRACESLAB_DESTROY", "linger", "what plain kmem_cache_destroy does with objects in flight",
     GS_CHOICE_OF(destroy, "linger|report|wait", GS_POLICY_LINGER)},
    {"GRACESLAB_ON_VIOLATION", "report", "whether a contract violation ends the process",
     GS_FLAG_OF(abort_on_violation, "report|abort")},
    {"GRACESLAB_STALL_MS", "21000",
     "age at which a reader that holds a grace period back is reported", GS_NUMBER_OF(stall_ms), 1,
     longest_ms},
    {"GRACESLAB_LINGER_SPLAT_MS", "21000",
     "age at which a lingering cache with leaked objects is reported",
     GS_NUMBER_OF(linger_splat_ms), 1, longest_ms},
    {"GRACESLAB_EXIT", "drain", "what happens to pending work at process exit",
     GS_CHOICE_OF(at_exit, "drain|leave|strict", 0)},
    {"GRACESLAB_EXIT_MS", "1000", "deadline of that drain", GS_NUMBER_OF(exit_ms), 0, longest_ms},
    {"GRACESLAB_BARRIER_COVERS_RETIRE", "0",
     "rcu_barrier of the default domain also waits for kfree_rcu",
     GS_FLAG_OF(barrier_covers_retire, "0|1")},
    {"GRACESLAB_OWNER_PROTECTION", "1", "dlclose waits for the module's callbacks and caches",
     GS_FLAG_OF(owner_protection, "0|1")},
    {"GRACESLAB_STACK_SIGNAL", "39", "real-time signal that asks a thread for its stack; 0 = off",
     &settings.stack_signal, storage::word32, nullptr, 0, 34, 64},
    {"GRACESLAB_FENCE", "auto", "how readers and updaters are ordered; read at start only",
     GS_CHOICE_OF(fence, "auto|membarrier|reader|mprotect", -1)},
    {"GRACESLAB_RETIRE_AGE_MS", "10",
     "how long a partial array of what is retired or called waits for more; see GRACESLAB_LAZY",
     GS_NUMBER_OF(retire_age_ms), 1, longest_ms},
    {"GRACESLAB_LAZY", "0", "1: what is retired or called after a pause waits for more as well",
     GS_FLAG_OF(lazy, "0|1")},
    {"GRACESLAB_PARK_AGE_MS", "1000", "age at which parked free objects go back to their slabs",
     GS_NUMBER_OF(park_age_ms), 1, longest_ms},
    {"GRACESLAB_CALLBACK_BATCH", "10", "callbacks run in a row at least before others get a turn",
     GS_NUMBER_OF(callback_batch), 1, 1'000'000},
    {"GRACESLAB_CALLBACK_CAP_MS", "3", "time after which a run of callbacks gives others a turn",
     GS_NUMBER_OF(callback_cap_ms), 1, longest_ms},
    {"GRACESLAB_CALLBACK_WORKERS", "4", "background threads for callbacks, at most",
     GS_NUMBER_OF(callback_workers), 1, 16},
    {"GRACESLAB_RETIRE_THRESHOLD", "8192",
     "retired objects in flight at which callers drive grace periods",
     GS_NUMBER_OF(retire_threshold), 1, 1'000'000'000},
    {"GRACESLAB_PENDING_LIMIT", "0",
     "retired bytes in flight of the default domain, at most; 0 = any", GS_NUMBER_OF(pending_limit),
     0, UINT64_MAX},
    {"GRACESLAB_MEMORY_LIMIT", "0",
     "bytes of slabs and page runs of the default domain, at most; 0 = any",
     GS_NUMBER_OF(memory_limit), 0, UINT64_MAX},
    {"GRACESLAB_PRESSURE", "expedite", "what retiring does at that limit",
     GS_CHOICE_OF(pressure, "expedite|block|report", GS_PRESSURE_EXPEDITE)},
    {"GRACESLAB_DEPOTS", "0",
     "parts of each cache's barn, 0 = by the number of cores; read at start only",
     GS_NUMBER_OF(depots), 0, 64},
    {"GRACESLAB_SANITIZERS", GRACESLAB_SANITIZERS_AUTO ? "auto" : "off",
     "whether ASan, LSan, TSan or memcheck, where one runs, is told of objects; read at start only",
     GS_FLAG_OF(sanitizers, "off|auto")},
    {"GRACESLAB_DEBUG", "-",
     "debug modes of the caches made from now on, or of those of some names", nullptr,
     storage::modes, "letters F, Z, P, U, T, or -; [,NAME*...][;...]", 0, 0, 0},
    {"GRACESLAB_GUARD", "0",
     "objects per second that stand on a page of their own, between pages that nobody may touch; "
     "0 = none",
     GS_NUMBER_OF(guard), 0, 1'000'000},
    {"GRACESLAB_LEAKS_AT_EXIT", "auto",
     "whether what is allocated at exit is told, by site; auto = where GRACESLAB_DEBUG has letters",
     GS_CHOICE_OF(leaks_at_exit, "auto|off|on", leaks_auto)},
    {"GRACESLAB_OBSERVE", "0",
     "whether graceslab top, slabinfo and why may look at the process; read at start only",
     GS_FLAG_OF(observe, "0|1")},
    {"GRACESLAB_TRACE", "0",
     "bytes for a trace of what happens, see graceslab trace; 0 = none; read at start only",
     GS_NUMBER_OF(trace), 0, std::uint64_t{1} << 40},
    {"GRACESLAB_TRACE_FILE", "-",
     "where the trace is written at exit; turns it on, with 4M; - = nowhere", nullptr,
     storage::path, "a path, in which %p is the process id, or -", 0, 0, 0},
    {"GRACESLAB_BACKGROUND", "1", "background threads; without them callers drive",
     GS_FLAG_OF(background, "0|1")},
    {"GRACESLAB_HELPER_IDLE_MS", "2000",
     "time after which a helper thread with nothing to do ends; 0 = never",
     GS_NUMBER_OF(helper_idle_ms), 0, longest_ms},
    {"GRACESLAB_HELPER_STACK", "524288", "bytes of stack of helper threads",
     GS_NUMBER_OF(helper_stack), 65536, 1 << 30},
    {"GRACESLAB_HELPER_PRIORITY", "0",
     "real-time priority (SCHED_FIFO) of helper threads; 0 = the normal class",
     GS_NUMBER_OF(helper_priority), 0, 99},
    {"GRACESLAB_HELPER_CPUS", "0",
     "CPUs of helper threads, 1 for the first, 2 for the second, 4 ...: their sum; 0 = those of "
     "the main thread",
     GS_NUMBER_OF(helper_cpus), 0, UINT64_MAX},
};
constexpr std::size_t table_rows = sizeof table / sizeof table[0];

constexpr std::size_t text_bytes = 24;
constexpr std::size_t legal_bytes = 72;
constexpr std::uint64_t suffixes_from = std::uint64_t{1} << 40;  // legal values worth a suffix
word_lock text_lock;
char texts[table_rows][text_bytes];  // the values; guarded by text_lock, empty = the default
word_lock legal_lock;
char legal_texts[table_rows][legal_bytes];
std::uint32_t loaded;

// The position of `value` among the words, or -1.
int word_index(const char* words, const char* value) noexcept {
  const std::size_t length = std::strlen(value);
  int index = 0;
  for (const char* word = words; word; ++index) {
    const char* end = std::strchr(word, '|');
    const std::size_t word_length = end ? static_cast<std::size_t>(end - word) : std::strlen(word);
    if (word_length == length && std::memcmp(word, value, length) == 0) return index;
    word = end ? end + 1 : nullptr;
  }
  return -1;
}

// The one number that may be 0 though its range does not begin there.
bool zero_is_off(const setting& s) noexcept { return s.field == &settings.stack_signal; }

// How far a suffix shifts a number: K, M, G and T are powers of 1024. -1: no suffix.
int shift_of(const char* suffix) noexcept {
  static constexpr char letters[] = "KMGTkmgt";
  if (*suffix == '\0') return 0;
  const char* letter = std::strchr(letters, *suffix);
  return letter != nullptr && suffix[1] == '\0' ? static_cast<int>((letter - letters) % 4 + 1) * 10
                                                : -1;
}

// Digits, and a suffix perhaps: no sign, no blanks.
bool parse_number(const char* value, std::uint64_t* number) noexcept {
  std::uint64_t n = 0;
  const char* at = value;
  for (; static_cast<unsigned>(*at - '0') <= 9; ++at) {
    const unsigned digit = static_cast<unsigned>(*at - '0');
    if (n > (UINT64_MAX - digit) / 10) return false;
    n = n * 10 + digit;
  }
  const int shift = shift_of(at);
  if (at == value || shift < 0 || n > UINT64_MAX >> shift) return false;
  *number = n << shift;
  return true;
}

bool in_range(const setting& s, std::uint64_t n) noexcept {
  return (n >= s.low && n <= s.high) || (n == 0 && zero_is_off(s));
}

bool parse(const setting& s, const char* value, std::uint64_t* parsed) noexcept {
  if (!s.words) return parse_number(value, parsed) && in_range(s, *parsed);
  const int index = word_index(s.words, value);
  *parsed = static_cast<std::uint64_t>(static_cast<std::int64_t>(s.first + index));
  return index >= 0;
}

void store(const setting& s, std::uint64_t value) noexcept {
  switch (s.kind) {
    case storage::flag:
      gs_store_relaxed(static_cast<bool*>(s.field), value != 0);
      break;
    case storage::word64:
      gs_store_relaxed(static_cast<std::uint64_t*>(s.field), value);
      break;
    case storage::word32: {
      static_assert(sizeof(exit_policy) == sizeof(int));
      using word [[gnu::may_alias]] = int;
      gs_store_relaxed(static_cast<word*>(s.field), static_cast<int>(value));
      break;
    }
    case storage::modes:  // apply() keeps their text
    case storage::path:
      break;
  }
}

// Every call writes the same.
const char* legal_number(const setting& s) noexcept {
  char* text = legal_texts[&s - table];
  word_guard guard(legal_lock);
  std::snprintf(text, legal_bytes, "%s%llu to %llu%s", zero_is_off(s) ? "0, " : "",
                static_cast<unsigned long long>(s.low), static_cast<unsigned long long>(s.high),
                s.high >= suffixes_from ? ", or with K, M, G, T" : "");
  return text;
}

bool apply_path(const setting& s, const char* value) noexcept {
  if (set_trace_file(value)) return true;
  report(GS_REPORT_BAD_CONFIG, "%s: the path is too long", s.variable);
  return false;
}

bool apply(const setting& s, const char* value) noexcept {
  if (s.kind == storage::modes) return set_debug_modes(value) == 0;
  if (s.kind == storage::path) return apply_path(s, value);
  std::uint64_t parsed;
  if (!parse(s, value, &parsed)) {
    if (s.words)
      report(GS_REPORT_BAD_CONFIG, "%s=%.64s: expected one of %s", s.variable, value, s.words);
    else
      report(GS_REPORT_BAD_CONFIG, "%s=%.64s: expected a number from %s", s.variable, value,
             legal_number(s));
    return false;
  }
  word_guard guard(text_lock);
  store(s, parsed);
  if (s.words)
    std::snprintf(texts[&s - table], text_bytes, "%s", value);
  else
    std::snprintf(texts[&s - table], text_bytes, "%llu", static_cast<unsigned long long>(parsed));
  return true;
}

std::uint64_t load(const setting& s) noexcept {
  switch (s.kind) {
    case storage::flag:
      return gs_load_relaxed(static_cast<const bool*>(s.field)) ? 1 : 0;
    case storage::word64:
      return gs_load_relaxed(static_cast<const std::uint64_t*>(s.field));
    case storage::word32:
      break;
    case storage::modes:
    case storage::path:
      return 0;
  }
  using word [[gnu::may_alias]] = int;
  return static_cast<std::uint64_t>(
      static_cast<std::int64_t>(gs_load_relaxed(static_cast<const word*>(s.field))));
}

// The value in force, which other calls than gs_config_set may have changed. Under text_lock.
const char* text_of(std::size_t row) noexcept {
  const setting& s = table[row];
  if (s.kind == storage::modes) return debug_modes_text();
  if (s.kind == storage::path) return trace_file();
  const char* known = texts[row][0] ? texts[row] : s.fallback;
  const std::uint64_t now = load(s);
  std::uint64_t said;
  if (parse(s, known, &said) && said == now) return known;
  const char* word = s.words;
  for (auto i = static_cast<std::int64_t>(now) - s.first; word && i > 0; --i) {
    word = std::strchr(word, '|');
    if (word) ++word;
  }
  if (word)
    std::snprintf(texts[row], text_bytes, "%.*s", static_cast<int>(std::strcspn(word, "|")), word);
  else
    std::snprintf(texts[row], text_bytes, "%llu", static_cast<unsigned long long>(now));
  return texts[row];
}

bool known(const char* variable) noexcept {
  for (const char* of_tests : {"GRACESLAB_TEST_", "GRACESLAB_BUSTED="})
    if (std::strncmp(variable, of_tests, std::strlen(of_tests)) == 0) return true;
  for (const setting& s : table) {
    const std::size_t length = std::strlen(s.variable);
    if (std::strncmp(variable, s.variable, length) == 0 && variable[length] == '=') return true;
  }
  return false;
}

// A slip of the pen would otherwise be a setting that is silently not obeyed. One report for all.
void report_unknown_variables() noexcept {
  constexpr char prefix[] = "GRACESLAB_";
  char names[256];
  base::writer out(names, sizeof names);
  if (getauxval(AT_SECURE) != 0) return;  // the environment is not read then
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable)
    if (std::strncmp(*variable, prefix, sizeof prefix - 1) == 0 && !known(*variable))
      out.add(" %.*s", static_cast<int>(std::strcspn(*variable, "=")), *variable);
  if (out.needed() != 0)
    report(GS_REPORT_BAD_CONFIG, "no such setting in the environment:%s", names);
}

[[gnu::constructor(101)]] void start_config() noexcept { load_settings(); }

}  // namespace

void load_settings() noexcept {
  if (gs_exchange(&loaded, 1u)) return;
  keep_errno keep;
  report_unknown_variables();
  for (const setting& s : table) {
    const char* value = secure_getenv(s.variable);
    if (value && *value) apply(s, value);
  }
}

std::size_t config_items(gs_config_item* items, std::size_t n) noexcept {
  word_guard guard(text_lock);
  for (std::size_t i = 0; i < table_rows && i < n; ++i) {
    const setting& s = table[i];
    items[i] = {s.variable, text_of(i), s.fallback, s.meaning, s.words ? s.words : legal_number(s)};
  }
  return table_rows;
}

int set_config(const char* variable, const char* value) noexcept {
  if (!variable || !value) return -EINVAL;
  for (const setting& s : table) {
    if (std::strcmp(s.variable, variable) != 0) continue;
    if (s.field == &settings.fence || s.field == &settings.trace) {
      report(GS_REPORT_BAD_CONFIG, "%s: can only be chosen in the environment, before the start",
             variable);
      return -EINVAL;
    }
    return apply(s, value) ? 0 : -EINVAL;
  }
  report(GS_REPORT_BAD_CONFIG, "%.64s: no such setting", variable);
  return -EINVAL;
}

}  // namespace graceslab::os
