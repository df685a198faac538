// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Handles of domains: what users hold of one is its record's address with a generation in the bits
// that the address leaves.
//
// - Form: bits 0 to 2 are those of the domain's id, which say where a thread keeps its slot; 3 to
//   11 and 48 to 63 the generation; the others the address of the record, which has a page of its
//   own.
// - NULL: the default domain, whose handle is the number 0, as is that of the library's own ones.
// - Equations: record_of(handle)->handle == handle <=> the domain lives and nobody is just ending
//   it. No number is ever the handle of two domains.
// - Page: docs/ordering/domains.md
#pragma once
#include <cstdint>

struct gs_domain;

namespace graceslab::rcu {

gs_domain* default_domain() noexcept;

inline constexpr unsigned handle_places = 8;
inline constexpr unsigned generation_low_bits = 9, generation_high_bits = 16;
inline constexpr unsigned handle_address_width = 64 - generation_high_bits;
inline constexpr unsigned record_align = handle_places << generation_low_bits;
inline constexpr std::uint32_t generations_max =
    (1u << (generation_low_bits + generation_high_bits)) - 1;
inline constexpr std::uintptr_t handle_address_bits =
    ((std::uintptr_t{1} << handle_address_width) - 1) & ~(std::uintptr_t{record_align} - 1);
inline constexpr std::uintptr_t no_handle = ~std::uintptr_t{0};  // of a record that is no domain

// A record, perhaps another domain's by now, and the handle to compare it with where it is used.
struct domain_ref {
  std::uintptr_t handle;
  gs_domain* record;
};

// Of a handle that was good once; looks at nothing.
inline gs_domain* record_of(const gs_domain* handle) noexcept {
  if (handle == nullptr) return default_domain();
  return reinterpret_cast<gs_domain*>(reinterpret_cast<std::uintptr_t>(handle) &
                                      handle_address_bits);
}
inline domain_ref ref_of(const gs_domain* handle) noexcept {
  return {reinterpret_cast<std::uintptr_t>(handle), record_of(handle)};
}

// Does that domain live? Waits for a destroy that has not decided yet. The answer may be old at
// once.
bool named(domain_ref r) noexcept;
// what(arg) while that domain cannot end; false: it is gone, and nothing was done.
bool while_named(domain_ref r, void (*what)(void*), void* arg) noexcept;
void report_stale(domain_ref r, const char* what) noexcept;

// As long as it is lent a record becomes no other domain, also when its own ends meanwhile.
class lease {
 public:
  // Where the handle is gone for the moment it asks under the table's lock, or takes it for gone.
  explicit lease(domain_ref r, bool may_ask = true) noexcept;
  ~lease();
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  explicit operator bool() const noexcept { return good_; }  // false: that domain is gone

 private:
  gs_domain* lent_ = nullptr;
  bool good_ = true;
};

// use(record) while it is lent. False for a stale handle, which is reported unless `what` is null.
template <class Use>
bool with_domain(const gs_domain* handle, const char* what, Use use) noexcept {
  const domain_ref r = ref_of(handle);
  const lease lent(r);
  if (lent)
    use(r.record);
  else if (what != nullptr)
    report_stale(r, what);
  return static_cast<bool>(lent);
}

}  // namespace graceslab::rcu
