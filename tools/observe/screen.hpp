// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab top` in a terminal.
#pragma once
#include <string>
#include <vector>

#include "observe/rows.hpp"

namespace graceslab::tool::observe {

// A usage_error when the terminal is none that is known. Everything is put back at its end.
class screen {
 public:
  screen();
  ~screen();
  screen(const screen&) = delete;
  screen& operator=(const screen&) = delete;

  enum class wish { nothing, quit, why };
  // Draws, and takes one key if one comes before the time is over.
  wish turn(const std::string& title, const view& v, int wait_ms);
  std::string chosen() const;  // the cache that `why` is about, as "#7"; "" when there is none
  // Until a key is pressed.
  void show(const std::string& title, const std::vector<std::string>& paragraphs);

 private:
  void draw(const std::string& title, const view& v);
  int draw_caches(int line);
  wish take(int key);

  std::vector<cache_row> rows_;
  std::size_t order_ = 0;     // of orders()
  std::uint32_t chosen_ = 0;  // id
  std::size_t first_ = 0;     // row that is shown first
};

}  // namespace graceslab::tool::observe
