// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Naming places out of files. Contract C1, R10, G1 (from handlers too).
#include "os/place.hpp"

#include <gtest/gtest.h>
#include <search.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "os/build.hpp"
#include "os/kept.hpp"
#include "os/stack.hpp"
#include "os/symbol.hpp"
#include "os/symbol_file.hpp"

namespace os = graceslab::os;

namespace {

using os::address_is;

int first_static(int n) { return n + 1; }
int second_static(int n) { return n + 2; }

const void* code(int (*function)(int)) { return reinterpret_cast<const void*>(function); }
const void* in_libc() { return reinterpret_cast<const char*>(&lfind) + 1; }

os::build build_around(const void* address) {
  return os::build_of(os::object_of(address), address);
}

std::string text_of(std::uint32_t id, address_is what) {
  char text[256];
  os::describe_place(id, what, text, sizeof text);
  return text;
}

TEST(Place, C1_is_kept_once_and_named_when_it_is_asked_for) {
  const std::uint32_t first = os::place_of(code(first_static), address_is::start);
  const std::uint32_t second = os::place_of(code(second_static), address_is::start);
  ASSERT_NE(first, 0u);
  EXPECT_NE(first, second);
  EXPECT_EQ(os::place_of(code(first_static), address_is::start), first);
  EXPECT_EQ(text_of(first, address_is::start).rfind("? (", 0), 0u);
  const std::uint32_t both[] = {first, 0, second};
  os::name_places(both, 3);
  EXPECT_NE(text_of(first, address_is::start).find("first_static"), std::string::npos);
  EXPECT_NE(text_of(first, address_is::start).find("+0x0 ("), std::string::npos);
  EXPECT_NE(text_of(second, address_is::start).find("second_static"), std::string::npos);
}

// A call that never returns may be the last instruction of its function.
TEST(Place, R10_an_address_after_a_call_belongs_to_the_caller) {
  char text[256];
  os::describe_address(reinterpret_cast<const char*>(code(first_static)) + 1, text, sizeof text);
  EXPECT_NE(std::strstr(text, "first_static"), nullptr) << text;
  EXPECT_NE(std::strstr(text, "+0x1 ("), nullptr) << text;
  os::describe_address(code(first_static), text, sizeof text);
  EXPECT_EQ(std::strstr(text, "first_static"), nullptr) << text;
}

TEST(Place, C1_known_ones_of_a_module_are_named_at_its_end) {
  const std::uint32_t id = os::place_of(code(second_static), address_is::start);
  os::name_places_around(code(second_static));
  EXPECT_NE(text_of(id, address_is::start).find("second_static"), std::string::npos);
}

// Somebody who interrupted the table on this very thread waits for nobody.
TEST(Place, R10_a_handler_that_interrupted_the_table_does_without) {
  os::stack frames;
  frames.depth = 1;
  frames.frame[0] = const_cast<void*>(in_libc());
  const std::uint32_t known = os::stack_id(frames);
  ASSERT_NE(known, 0u);
  char text[256];
  os::kept_guard interrupted;
  ASSERT_TRUE(interrupted);
  EXPECT_FALSE(os::kept_guard());
  EXPECT_EQ(os::place_of(in_libc(), address_is::start), 0u);
  EXPECT_EQ(os::stack_id(frames), 0u);
  EXPECT_EQ(os::describe_stack_id(known, text, sizeof text), 0u);
  EXPECT_GT(os::describe_address(in_libc(), text, sizeof text), 0u);
  EXPECT_NE(std::strstr(text, "lfind+0x1 (libc"), nullptr) << text;
  EXPECT_GT(os::describe_stack(frames, text, sizeof text), 0u);
  EXPECT_NE(std::strstr(text, "#0 lfind+0x1 (libc"), nullptr) << text;
}

TEST(Place, G5_where_it_is_outlives_a_long_name) {
  char text[64];
  os::describe_function(code(first_static), text, sizeof text);
  EXPECT_EQ(text[std::strlen(text) - 1], ')') << text;
  EXPECT_NE(std::strstr(text, "(unit+0x"), nullptr) << text;
}

TEST(Build, C1_is_the_same_in_memory_and_in_the_file) {
  const os::build here = build_around(code(first_static)), libc = build_around(in_libc());
  EXPECT_TRUE(here.known());
  EXPECT_TRUE(here.like(os::build_of(os::object_file("/proc/self/exe"))));
  EXPECT_TRUE(libc.like(os::build_of(os::object_file(os::path_of(os::object_of(in_libc()))))));
  EXPECT_FALSE(here.like(libc));
  EXPECT_FALSE(os::build{}.like(os::build{}));
}

TEST(Build, C1_without_a_build_id_the_segments_tell) {
  os::build here = build_around(code(first_static)), libc = build_around(in_libc());
  os::build same = here;
  here.id_bytes = same.id_bytes = libc.id_bytes = 0;
  EXPECT_TRUE(here.like(same));
  EXPECT_FALSE(here.like(libc));
  char text[20];
  here.add_to(text);
  EXPECT_STREQ(text, "");
}

// Whatever lies at the path.
TEST(SymbolFile, C1_that_cannot_be_used_gives_no_names) {
  const os::build here = build_around(code(first_static));
  EXPECT_TRUE(os::symbol_file("/proc/self/exe", here).usable());
  EXPECT_FALSE(os::symbol_file("/proc/self/exe", build_around(in_libc())).usable());
  for (const char* path : {"/nowhere", "/", "/dev/null", "/proc/self/status"})
    EXPECT_FALSE(os::symbol_file(path, here).usable()) << path;
}

TEST(SymbolFile, C1_that_was_cut_short_is_read_to_its_end) {
  std::ifstream program("/proc/self/exe", std::ios::binary);
  std::vector<char> bytes((std::istreambuf_iterator<char>(program)), {});
  const os::build here = build_around(code(first_static));
  const std::string path = testing::TempDir() + "/cut-" + std::to_string(getpid());
  for (const std::size_t parts : {0u, 1u, 2u, 5u, 7u}) {
    std::ofstream(path, std::ios::binary)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size() / 8 * parts));
    const os::symbol_file file(path.c_str(), here);
    os::symbol_file::sought one = {reinterpret_cast<std::uintptr_t>(code(first_static))};
    if (file.usable()) file.find(&one, 1);
    char name[64];
    EXPECT_FALSE(file.read_name(one, name, sizeof name) && std::strlen(name) >= sizeof name);
  }
  std::remove(path.c_str());
}

}  // namespace
