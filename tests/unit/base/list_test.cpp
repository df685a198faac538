// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/list.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/format.hpp"

namespace {

using namespace graceslab;

struct by_age;
struct item : base::list_link<item>, base::list_link<item, by_age> {
  explicit item(char n) : name(n) {}
  char name;
};
using plain_list = base::list<item>;
using age_list = base::list<item, by_age>;

template <class List>
std::string names(const List& list) {
  std::string all;
  for (item* i = list.front(); i; i = List::next(i)) all += i->name;
  return all;
}

TEST(List, PushesPopsAndRemovesAnywhere) {
  item a('a'), b('b'), c('c'), d('d');
  plain_list list;
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.pop_front(), nullptr);
  list.push_back(&b);
  list.push_back(&c);
  list.push_front(&a);
  list.push_back(&d);
  EXPECT_EQ(names(list), "abcd");
  list.remove(&b);
  EXPECT_FALSE(plain_list::linked(&b));
  list.remove(&d);
  EXPECT_EQ(list.back(), &c);
  EXPECT_EQ(list.pop_front(), &a);
  EXPECT_EQ(list.count(), 1u);
  list.remove(&c);
  EXPECT_TRUE(list.empty());
  EXPECT_EQ(list.back(), nullptr);
}

TEST(List, SplicesAll) {
  item a('a'), b('b'), c('c');
  plain_list one, two;
  two.push_back(&b);
  two.push_back(&c);
  one.splice_back(two);
  EXPECT_TRUE(two.empty());
  two.push_back(&a);
  two.splice_back(one);
  EXPECT_EQ(names(two), "abc");
  two.remove(&b);
  EXPECT_EQ(names(two), "ac");
}

TEST(List, OneElementInTwoLists) {
  item a('a'), b('b');
  plain_list one;
  age_list two;
  one.push_back(&a);
  one.push_back(&b);
  two.push_back(&b);
  two.push_back(&a);
  EXPECT_EQ(names(one), "ab");
  EXPECT_EQ(names(two), "ba");
  one.remove(&a);
  EXPECT_EQ(names(two), "ba");
}

TEST(Writer, CutsAndCounts) {
  char text[8];
  base::writer out(text, sizeof text);
  out.add("%d-", 12);
  out.add("%s", "abcdefgh");
  out.add("%s", "more");
  EXPECT_STREQ(text, "12-abcd");
  EXPECT_EQ(out.needed(), 15u);
  EXPECT_EQ(out.written(), 7u);
  base::writer nothing(nullptr, 0);
  nothing.add("%s", "abc");
  EXPECT_EQ(nothing.needed(), 3u);
  EXPECT_EQ(nothing.written(), 0u);
}

}  // namespace
