// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C1, R10: stacks in reports show the program's functions by name, exported or not, and whatever
// became of their module since.
#include <dlfcn.h>
#include <regex.h>

#include <filesystem>

#include "child_process.hpp"
#include "module/allocating.h"
#include "watched.hpp"

namespace {

using namespace watched;
namespace fs = std::filesystem;

// How often an extended regular expression matches.
std::size_t times(const std::string& text, const char* expression) {
  regex_t wanted;
  if (regcomp(&wanted, expression, REG_EXTENDED) != 0) return 0;
  std::size_t n = 0;
  regmatch_t found;
  for (const char* at = text.c_str(); regexec(&wanted, at, 1, &found, 0) == 0; at += found.rm_eo)
    ++n;
  regfree(&wanted);
  return n;
}

class Names : public testing::TestWithParam<const char*> {};

TEST_P(Names, C1_of_functions_that_are_not_exported) {
  const std::string program = std::string(GRACESLAB_CHILD_DIR "/") + GetParam();
  if (!fs::exists(program)) GTEST_SKIP() << "not built here";
  const child_result child = run_child({program});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(child.reported("destroy-with-objects")) << child.story();
  for (const char* function : {"allocate_often", "allocate_once", "destroy_it", "main"})
    EXPECT_CONTAINS(child.err, function);
  // Those of one site are one line, and the site with the most comes first.
  EXPECT_CONTAINS(child.err, "\n  3 objects (allocated), the first is 0x");
  EXPECT_EQ(times(child.err, "allocated at"), 2u) << child.err;
  EXPECT_LT(child.err.find("allocate_often"), child.err.find("allocate_once"));
  // Each with what finishing it elsewhere needs.
  if (with_asan) return;  // which has its own way of writing places
  const std::string place =
      std::string(R"(\+0x[0-9a-f]+ \()") + GetParam() + R"(\+0x[0-9a-f]+ [0-9a-f]{16}\))";
  EXPECT_EQ(times(child.err, ("allocate_once" + place).c_str()), 1u) << child.err;
  EXPECT_EQ(times(child.err, ("destroy_it" + place).c_str()), 1u) << child.err;
}
INSTANTIATE_TEST_SUITE_P(Linked, Names, testing::Values("named", "named_static"),
                         [](const auto& how) { return std::string(how.param); });

TEST(NamesStripped, C1_the_place_and_the_build_are_told) {
  if (with_asan) GTEST_SKIP() << "names come from the sanitizer";
  const child_result child = run_child({GRACESLAB_CHILD_DIR "/named_stripped"});
  EXPECT_TRUE(child.reported("destroy-with-objects")) << child.story();
  EXPECT_FALSE(contains(child.err, "allocate_often")) << child.err;
  EXPECT_GE(times(child.err, R"(#[0-9] \? \(named_stripped\+0x[0-9a-f]+ [0-9a-f]{16}\))"), 4u)
      << child.err;
}

// An object that a module allocated, which was unloaded since. Its file is a copy.
class Unloaded : public testing::Test {
 protected:
  void SetUp() override {
    if (with_asan) GTEST_SKIP() << "names come from the sanitizer";
    ASSERT_NE(folder_ = mkdtemp(folder_text_), nullptr);
  }
  void TearDown() override {
    kmem_cache_free(cache_, object_);
    if (folder_ != nullptr) fs::remove_all(folder_);
  }
  fs::path file() const { return fs::path(folder_) / "copy.so"; }
  static fs::path built(const char* name) {
    return fs::path(GRACESLAB_MODULE_DIR) / (std::string(name) + ".so");
  }
  void allocate_in(const char* name) {
    fs::copy_file(built(name), file());
    cache_ = kmem_cache_create("of a module", 64, 0, SLAB_STORE_USER, nullptr);
    handle_ = dlopen(file().c_str(), RTLD_NOW | RTLD_LOCAL);
    ASSERT_NE(handle_, nullptr) << dlerror();
    const auto entry = reinterpret_cast<allocating_t (*)()>(dlsym(handle_, "module_allocate"));
    object_ =
        entry()([](void* of) { return kmem_cache_alloc(static_cast<kmem_cache*>(of), GFP_KERNEL); },
                cache_);
    ASSERT_NE(object_, nullptr);
  }
  void unload() {
    ASSERT_EQ(dlclose(handle_), 0);
    ASSERT_EQ(dlopen(file().c_str(), RTLD_NOW | RTLD_NOLOAD), nullptr);
  }
  std::string told() {
    reports caught;
    gs_dump_object(object_);
    return caught.text(GS_REPORT_OBJECT);
  }

 private:
  char folder_text_[32] = "/tmp/graceslab-names-XXXXXX";
  char* folder_ = nullptr;
  void* handle_ = nullptr;
  kmem_cache* cache_ = nullptr;
  void* object_ = nullptr;
};

// Named when it was unloaded, so that nothing of it need be left.
TEST_F(Unloaded, C1_a_module_that_is_gone_with_its_file_is_named) {
  allocate_in("named");
  unload();
  fs::remove(file());
  EXPECT_CONTAINS(told(), "allocate_in_named+0x");
}

TEST_F(Unloaded, C1_a_module_whose_end_nobody_told_of_is_named_from_its_file) {
  allocate_in("stranger");
  unload();
  EXPECT_CONTAINS(told(), "allocate_in_stranger+0x");
}

TEST_F(Unloaded, C1_another_file_in_its_place_gives_no_names) {
  allocate_in("stranger");
  unload();
  fs::copy_file(built("named"), file(), fs::copy_options::overwrite_existing);
  EXPECT_GE(times(told(), R"(\? \(copy\.so\+0x[0-9a-f]+ [0-9a-f]{16}\))"), 1u) << told();
}

}  // namespace
