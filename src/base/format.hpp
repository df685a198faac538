// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Text into a buffer of fixed size: what does not fit is cut, the length that was needed is known.
#pragma once
#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace graceslab::base {

inline const char* plural(unsigned long long n) noexcept { return n == 1 ? "" : "s"; }

class writer {
 public:
  writer(char* text, std::size_t bytes) noexcept : text_(text), bytes_(bytes) {
    if (bytes_) text_[0] = '\0';
  }

  [[gnu::format(printf, 2, 3)]] void add(const char* format, ...) noexcept {
    va_list arguments;
    va_start(arguments, format);
    add_list(format, arguments);
    va_end(arguments);
  }

  [[gnu::format(printf, 2, 0)]] void add_list(const char* format, va_list arguments) noexcept {
    const std::size_t used = written();
    const int length =
        std::vsnprintf(text_ ? text_ + used : nullptr, bytes_ - used, format, arguments);
    if (length > 0) needed_ += static_cast<std::size_t>(length);
  }

  // For describers: describe(text, bytes) writes a text that ends with a zero.
  template <class Describe>
  void add_from(Describe describe) noexcept {
    const std::size_t used = written();
    if (used + 1 >= bytes_) return;
    text_[used] = '\0';
    describe(text_ + used, bytes_ - used);
    needed_ += __builtin_strlen(text_ + used);
  }

  std::size_t needed() const noexcept {
    return needed_;
  }  // as snprintf counts: without the final zero
  std::size_t written() const noexcept {
    if (bytes_ == 0) return 0;
    return needed_ < bytes_ ? needed_ : bytes_ - 1;
  }

 private:
  char* text_;
  std::size_t bytes_;
  std::size_t needed_ = 0;
};

}  // namespace graceslab::base
