// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/sanitizer.hpp"

#include "os/config.hpp"
#include "os/memcheck.hpp"

extern "C" {
[[gnu::weak]] void __asan_poison_memory_region(const volatile void*, std::size_t);
[[gnu::weak]] void __asan_unpoison_memory_region(const volatile void*, std::size_t);
[[gnu::weak]] void __asan_set_error_report_callback(void (*)(const char*));
[[gnu::weak]] void* __asan_get_report_address(void);
[[gnu::weak]] void __sanitizer_symbolize_pc(void*, const char*, char*, std::size_t);
[[gnu::weak]] void __lsan_register_root_region(const void*, std::size_t);
[[gnu::weak]] void __lsan_unregister_root_region(const void*, std::size_t);
[[gnu::weak]] void __tsan_acquire(void*);
[[gnu::weak]] void __tsan_release(void*);
[[gnu::weak]] void __tsan_write_range(void*, std::size_t);
[[gnu::weak]] void AnnotateIgnoreWritesBegin(char*, int);
[[gnu::weak]] void AnnotateIgnoreWritesEnd(char*, int);
}

namespace graceslab::os {

constinit unsigned sanitizers_here = 0;

namespace {

constexpr char name[] = "graceslab";
char* file() noexcept { return const_cast<char*>(name); }

// All objects are of one pool: a pool has no other meaning to memcheck than to tell blocks.
std::uintptr_t pool() noexcept { return reinterpret_cast<std::uintptr_t>(&sanitizers_here); }

unsigned look_around() noexcept {
  unsigned found = 0;
  if (__asan_poison_memory_region && __asan_unpoison_memory_region) found |= sanitizer_address;
  if (__lsan_register_root_region && __lsan_unregister_root_region) found |= sanitizer_leak;
  if (__tsan_acquire && __tsan_release && AnnotateIgnoreWritesBegin && AnnotateIgnoreWritesEnd)
    found |= sanitizer_thread;
  const std::uintptr_t word = 0;
  if (memcheck::ask(memcheck::make_defined, &word, sizeof word) != 0) found |= sanitizer_memcheck;
  return found;
}

[[gnu::constructor(102)]] void start_sanitizers() noexcept {
  load_settings();
  if (!settings.sanitizers) return;
  sanitizers_here = look_around();
  if (sanitized_by(sanitizer_memcheck)) memcheck::ask(memcheck::create_pool, pool());
}

}  // namespace

void forbid(const void* start, std::size_t bytes) noexcept {
  if (sanitized_by(sanitizer_address)) __asan_poison_memory_region(start, bytes);
  if (sanitized_by(sanitizer_memcheck)) memcheck::ask(memcheck::make_noaccess, start, bytes);
}

void allow(const void* start, std::size_t bytes) noexcept {
  if (sanitized_by(sanitizer_address)) __asan_unpoison_memory_region(start, bytes);
  if (sanitized_by(sanitizer_memcheck)) memcheck::ask(memcheck::make_defined, start, bytes);
}

void allow_object(const void* object, std::size_t bytes, bool holds_something) noexcept {
  if (sanitized_by(sanitizer_address)) __asan_unpoison_memory_region(object, bytes);
  if (!sanitized_by(sanitizer_memcheck)) return;
  memcheck::ask(memcheck::pool_alloc, pool(), reinterpret_cast<std::uintptr_t>(object), bytes);
  if (holds_something) memcheck::ask(memcheck::make_defined, object, bytes);
}

void forbid_object(const void* object, std::size_t bytes, bool keep) noexcept {
  auto* start = const_cast<void*>(object);
  if (sanitized_by(sanitizer_thread) && __tsan_write_range) {
    seen_again freed;
    __tsan_write_range(start, bytes);
  }
  if (sanitizers_here == sanitizer_leak && !keep) __builtin_memset(start, 0, bytes);
  if (sanitized_by(sanitizer_address)) __asan_poison_memory_region(object, bytes);
  if (sanitized_by(sanitizer_memcheck))
    memcheck::ask(memcheck::pool_free, pool(), reinterpret_cast<std::uintptr_t>(object));
}

void define(const void* start, std::size_t bytes) noexcept {
  if (sanitized_by(sanitizer_memcheck)) memcheck::ask(memcheck::define_addressable, start, bytes);
}

void add_root(const void* start, std::size_t bytes) noexcept {
  if (sanitized_by(sanitizer_leak)) __lsan_register_root_region(start, bytes);
}

void remove_root(const void* start, std::size_t bytes) noexcept {
  if (sanitized_by(sanitizer_leak)) __lsan_unregister_root_region(start, bytes);
}

void hand_over_slowly(const void* at) noexcept { __tsan_release(const_cast<void*>(at)); }
void take_over_slowly(const void* at) noexcept { __tsan_acquire(const_cast<void*>(at)); }

namespace {

[[gnu::tls_model("initial-exec")]] __thread unsigned depth;  // of this thread's unseen scopes

}  // namespace

void unseen::begin() noexcept {
  if (depth++ == 0) AnnotateIgnoreWritesBegin(file(), 0);
}
void unseen::end() noexcept {
  if (--depth == 0) AnnotateIgnoreWritesEnd(file(), 0);
}

unsigned seen_again::end_all() noexcept {
  const unsigned before = depth;
  depth = 0;
  if (before != 0) AnnotateIgnoreWritesEnd(file(), 0);
  return before;
}
void seen_again::begin_again(unsigned before) noexcept {
  depth = before;
  if (before != 0) AnnotateIgnoreWritesBegin(file(), 0);
}

namespace {

void (*tell_of)(const void* address);

}  // namespace

bool name_address(const void* address, char* text, std::size_t bytes) noexcept {
  if (!sanitized_by(sanitizer_address) || !__sanitizer_symbolize_pc || bytes < 2) return false;
  // The call, not what comes after it. Those that were inlined come first, each with its own end.
  auto* call = const_cast<char*>(static_cast<const char*>(address)) - 1;
  __builtin_memset(text, 0, bytes);
  __sanitizer_symbolize_pc(call, "in %f %S", text, bytes - 1);
  for (std::size_t i = 1; i + 1 < bytes && (text[i] != 0 || text[i + 1] != 0); ++i)
    if (text[i] == 0) text[i] = ' ';
  return true;
}

void on_address_report(void (*tell)(const void* address)) noexcept {
  if (!sanitized_by(sanitizer_address) || !__asan_set_error_report_callback ||
      !__asan_get_report_address)
    return;
  tell_of = tell;
  __asan_set_error_report_callback([](const char*) { tell_of(__asan_get_report_address()); });
}

}  // namespace graceslab::os
