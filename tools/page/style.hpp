// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How pages look.
#pragma once

namespace graceslab::tool::page {

extern const char* const style;

}  // namespace graceslab::tool::page
