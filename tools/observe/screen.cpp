// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "observe/screen.hpp"

#include <curses.h>
#include <fmt/core.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>

#include "commands.hpp"

namespace graceslab::tool::observe {
namespace {

SCREEN* terminal;

void put(int line, const std::string& text, attr_t how = A_NORMAL) {
  if (line < 0 || line >= LINES) return;
  attrset(how);
  mvaddnstr(line, 0, text.c_str(), std::max(COLS - 1, 0));
  attrset(A_NORMAL);
}

std::string keys_line() {
  std::string text = "q quit  w why  up/down choose  sort:";
  for (const order& o : orders()) text += fmt::format(" {} {}", o.key, o.name);
  return text;
}

// As many columns at a time as there are.
std::vector<std::string> folded(const std::string& text) {
  const std::size_t width = static_cast<std::size_t>(std::max(COLS - 1, 1));
  std::vector<std::string> lines(1);
  for (const char c : text) {
    if (c == '\n' || lines.back().size() == width) lines.emplace_back();
    if (c != '\n') lines.back() += c;
  }
  return lines;
}

}  // namespace

screen::screen() {
  std::setlocale(LC_CTYPE, "");
  terminal = newterm(nullptr, stdout, stdin);
  if (terminal == nullptr) {
    const char* kind = std::getenv("TERM");
    throw usage_error(
        fmt::format("the terminal '{}' is not known: try --plain", kind != nullptr ? kind : ""));
  }
  cbreak();
  noecho();
  keypad(stdscr, TRUE);
  curs_set(0);
}

screen::~screen() {
  endwin();
  delscreen(terminal);
}

int screen::draw_caches(int line) {
  const auto room = static_cast<std::size_t>(std::max(LINES - 1 - line, 1));
  auto chosen = std::find_if(rows_.begin(), rows_.end(),
                             [this](const cache_row& r) { return r.now.id == chosen_; });
  if (chosen == rows_.end()) chosen = rows_.begin();
  chosen_ = rows_.empty() ? 0 : chosen->now.id;
  const auto at = static_cast<std::size_t>(chosen - rows_.begin());
  if (at < first_) first_ = at;
  if (at >= first_ + room) first_ = at - room + 1;
  if (first_ + room > rows_.size()) first_ = rows_.size() > room ? rows_.size() - room : 0;
  for (std::size_t i = first_; i != std::min(first_ + room, rows_.size()); ++i)
    put(line++, line_of(rows_[i]), rows_[i].now.id == chosen_ ? A_REVERSE : A_NORMAL);
  return line;
}

void screen::draw(const std::string& title, const view& v) {
  erase();
  int line = 0;
  put(line++, fmt::format("{}, by {}", title, orders()[order_].name));
  put(line++, domain_header(), A_BOLD);
  for (const domain_row& r : v.domains) put(line++, line_of(r));
  put(++line, cache_header(), A_BOLD);
  rows_ = v.caches;
  sort(rows_, orders()[order_]);
  (void)draw_caches(line + 1);
  move(LINES - 1, 0);
  clrtoeol();
  put(LINES - 1, keys_line(), A_REVERSE);
  refresh();
}

screen::wish screen::turn(const std::string& title, const view& v, int wait_ms) {
  draw(title, v);
  timeout(std::max(wait_ms, 0));
  return take(getch());
}

screen::wish screen::take(int key) {
  const auto chosen = std::find_if(rows_.begin(), rows_.end(),
                                   [this](const cache_row& r) { return r.now.id == chosen_; });
  if (key == 'q' || key == 'Q') return wish::quit;
  if (key == 'w' && chosen != rows_.end()) return wish::why;
  if ((key == KEY_DOWN || key == 'j') && chosen != rows_.end() && chosen + 1 != rows_.end())
    chosen_ = (chosen + 1)->now.id;
  if ((key == KEY_UP || key == 'k') && chosen != rows_.end() && chosen != rows_.begin())
    chosen_ = (chosen - 1)->now.id;
  for (std::size_t i = 0; i != orders().size(); ++i)
    if (key == orders()[i].key) order_ = i;
  return wish::nothing;
}

std::string screen::chosen() const { return fmt::format("#{}", chosen_); }

void screen::show(const std::string& title, const std::vector<std::string>& paragraphs) {
  erase();
  int line = 0;
  put(line++, title, A_BOLD);
  for (const std::string& text : paragraphs)
    for (const std::string& part : folded(text)) put(++line, part);
  put(LINES - 1, "any key goes back", A_REVERSE);
  refresh();
  timeout(-1);
  (void)getch();
}

}  // namespace graceslab::tool::observe
