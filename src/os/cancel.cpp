// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "os/cancel.hpp"

#include <pthread.h>

namespace graceslab::os {

// unused result: the values are ones that exist
cancel_off::cancel_off() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
// unused result: as above
cancel_off::~cancel_off() { pthread_setcancelstate(before_, nullptr); }

}  // namespace graceslab::os
