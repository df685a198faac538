// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Naming addresses without the loader's lock. Contract I4, R10 (reports name places).
#include "os/symbol.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>

#include "os/stack.hpp"

namespace os = graceslab::os;

namespace {

const void* address_of(const char* name) { return dlsym(RTLD_DEFAULT, name); }

TEST(Symbol, FindsTheObjectAndTheFunction) {
  const void* inside = static_cast<const char*>(address_of("lfind")) + 1;
  const link_map* object = os::object_of(inside);
  ASSERT_NE(object, nullptr);
  EXPECT_FALSE(os::is_main_program(object));
  EXPECT_NE(std::strstr(os::path_of(object), "libc"), nullptr) << os::path_of(object);
  const os::symbol found = os::symbol_at(object, inside);
  ASSERT_NE(found.name, nullptr);
  EXPECT_STREQ(found.name, "lfind");
  EXPECT_EQ(found.start, address_of("lfind"));
}

TEST(Symbol, AgreesWithTheLoader) {
  for (const char* name : {"malloc", "qsort", "strtol", "pthread_create", "getenv"}) {
    const void* address = address_of(name);
    Dl_info info{};
    ASSERT_NE(dladdr(address, &info), 0) << name;
    const os::symbol found = os::symbol_at(os::object_of(address), address);
    ASSERT_NE(found.name, nullptr) << name;
    EXPECT_EQ(found.start, info.dli_saddr) << name;  // the name may be another alias
  }
}

TEST(Symbol, KnowsTheMainProgram) {
  static int here;
  const link_map* object = os::object_of(&here);
  EXPECT_TRUE(os::is_main_program(object));
  EXPECT_NE(std::strstr(os::path_of(object), "unit"), nullptr) << os::path_of(object);
}

TEST(Symbol, IsSilentAboutTheRest) {
  int local = 0;
  EXPECT_EQ(os::object_of(&local), nullptr);
  EXPECT_EQ(os::object_of(nullptr), nullptr);
  EXPECT_FALSE(os::is_main_program(nullptr));
}

int not_exported(int n) { return n + 1; }

TEST(Symbol, B7_what_is_not_exported_is_found_in_the_file) {
  const auto* address = reinterpret_cast<const char*>(not_exported);
  char text[240];
  os::describe_function(address + 1, text, sizeof text);
  EXPECT_NE(std::strstr(text, "not_exported"), nullptr) << text;
  EXPECT_NE(std::strstr(text, "+0x1 ("), nullptr) << text;
}

}  // namespace
