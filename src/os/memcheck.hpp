// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Requests to valgrind, which recognises four rotations that do nothing otherwise.
#pragma once
#include <cstddef>
#include <cstdint>

namespace graceslab::os::memcheck {

enum request : std::uintptr_t {  // numbers of valgrind's interface
  create_pool = 0x1303,
  pool_alloc = 0x1305,
  pool_free = 0x1306,
  make_noaccess = 0x4d430000,  // 'M', 'C'
  make_undefined,
  make_defined,
  define_addressable = make_noaccess + 11,
};

// What the tool answers; 0 where there is none, or one that does not know the request.
inline std::uintptr_t ask(request what, std::uintptr_t a, std::uintptr_t b = 0,
                          std::uintptr_t c = 0) noexcept {
  std::uintptr_t answer = 0;
#if defined(__x86_64__)
#define VALGRIND_REQUEST \
  "rolq $3, %%rdi; rolq $13, %%rdi; rolq $61, %%rdi; rolq $51, %%rdi; xchgq %%rbx, %%rbx"
  const volatile std::uintptr_t words[6] = {what, a, b, c, 0, 0};
  asm volatile(VALGRIND_REQUEST : "=d"(answer) : "a"(words), "0"(answer) : "cc", "memory");
#undef VALGRIND_REQUEST
#else
  (void)what, (void)a, (void)b, (void)c;
#endif
  return answer;
}
inline std::uintptr_t ask(request what, const void* start, std::size_t bytes) noexcept {
  return ask(what, reinterpret_cast<std::uintptr_t>(start), bytes);
}

}  // namespace graceslab::os::memcheck
