// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Telling misuse apart on free and retire, and reporting it. What is reported is left alone.
#pragma once
#include "os/stack.hpp"
#include "slab/slab.hpp"

namespace graceslab::slab {

enum class giving { free, retire };

// Whose code it was, in words.
struct place {
  char text[160];
  explicit place(const void* site) noexcept { os::describe_address(site, text, sizeof text); }
};

// Whether this is a live object of this cache. False after a report: foreign pointer, wrong cache,
// not an object's start, already free, already retired; of a cache without detection only the first
// three are told apart. Stores its state byte, or nullptr when that cache keeps none, or the object
// has no place in arrays (guard.hpp, large.hpp).
bool checked(cache& c, const void* object, giving what, const void* site,
             std::uint8_t** state) noexcept;
// Whether this is an object of this cache that is not free: a retired one may still be read.
bool still_held(cache& c, const void* object, const char* operation, const void* site) noexcept;
// As checked(), for a run of the large cache, by the state that it was found in.
void report_run(cache& c, const void* object, int state, giving what, const void* site) noexcept;
// A pointer that no cache owns, or not as an object's start.
void report_foreign(const void* object, const char* operation, const void* site) noexcept;
void report_stale(const kmem_cache* handle, const char* operation, const void* site) noexcept;

}  // namespace graceslab::slab
