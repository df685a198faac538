// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Whatever the linker bound to whose copy: an unload waits for the code that is going. Contract I4,
// G4.
#include <gtest/gtest.h>

#include <string>

#include "child_process.hpp"

namespace {

struct linkage {
  const char* name;
  const char* host;
  const char* plugin;
  const char* scope;
};
constexpr linkage linkages[] = {
    {"plain", "host_plain", "plugin_default", "local"},
    {"exporting", "host_exporting", "plugin_default", "local"},
    {"global", "host_exporting", "plugin_default", "global"},
    {"hidden", "host_exporting", "plugin_hidden", "local"},
};

class UnloadBound : public testing::TestWithParam<std::tuple<const char*, linkage>> {};
INSTANTIATE_TEST_SUITE_P(Builds, UnloadBound,
                         testing::Combine(testing::Values("O0", "Og", "O2"),
                                          testing::ValuesIn(linkages)),
                         [](const auto& which) {
                           return std::string(std::get<0>(which.param)) + "_" +
                                  std::get<1>(which.param).name;
                         });

TEST_P(UnloadBound, I4_G4_WaitsForTheCodeThatGoes) {
  const auto& [level, how] = GetParam();
  const std::string folder = GRACESLAB_CHILD_DIR "/../bound/", tail = std::string("_") + level;
  for (const char* work :
       {"callback", "destructor", "virtual-destructor", "virtual-destructor-of-a-node",
        "deleter-function", "deleter-with-state"}) {
    const child_result ran =
        run_child({folder + how.host + tail, folder + how.plugin + tail + ".so", how.scope, work},
                  {}, 60'000);
    EXPECT_TRUE(ran.fine()) << work << ": " << ran.story();
  }
}

// The object that holds the library stays mapped, whatever file it is part of.
TEST(UnloadCarrier, G5_I4_APlugInThatCarriesTheArchiveStays) {
  const std::string folder = GRACESLAB_CHILD_DIR "/../bound/";
  const child_result ran = run_child({folder + "bare_host", folder + "carrier.so"}, {}, 60'000);
  EXPECT_TRUE(ran.fine()) << ran.story();
  EXPECT_FALSE(ran.reported_anything()) << ran.story();
}

// The C library keeps 1664 bytes for the thread-local variables of what is loaded later, and a copy
// takes about half, by the compiler a little more.
TEST(UnloadCarrier, G5_TwoCopiesInOneProcessAreReported) {
  const std::string folder = GRACESLAB_CHILD_DIR "/../bound/";
  const child_result ran =
      run_child({folder + "bare_host", folder + "carrier.so", folder + "second_carrier.so"},
                {"GLIBC_TUNABLES=glibc.rtld.optional_static_tls=4096"}, 60'000);
  EXPECT_TRUE(ran.fine()) << ran.story();
  EXPECT_TRUE(ran.reported("bad-linkage")) << ran.story();
}

}  // namespace
