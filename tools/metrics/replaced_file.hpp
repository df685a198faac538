// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A file that others read while it is written anew.
#pragma once
#include <string>

namespace graceslab::tool::metrics {

// Written beside and renamed, so that whoever reads it finds the old or the new one, whole. A
// usage_error when that cannot be; then the old one stays.
void replace_file(const std::string& path, const std::string& text);

}  // namespace graceslab::tool::metrics
