// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A setting that is another one while this lives.
#pragma once
#include <graceslab/detail/abi.h>
#include <gtest/gtest.h>

struct setting {
  setting(const char* which, const char* value, const char* normal)
      : which_(which), normal_(normal) {
    EXPECT_EQ(gs_config_set(which, value), 0);
  }
  ~setting() { gs_config_set(which_, normal_); }
  const char *which_, *normal_;
};
