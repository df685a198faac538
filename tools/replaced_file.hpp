// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Writing a file so that a full disk, or the end of the process, never destroys the last one.
#pragma once
#include <string>
#include <string_view>

namespace graceslab::tool {

// Whether replace_file() could write there, found out before minutes of measuring. Leaves what the
// file holds. Throws usage_error; `option` is named in it.
void expect_writable(const std::string& file, std::string_view option);

// Writes `text` beside the file, then renames. What is no regular file (a pipe, a terminal) is
// written to as it is. Throws usage_error.
void replace_file(const std::string& file, std::string_view option, std::string_view text);

}  // namespace graceslab::tool
