// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "catalogue.hpp"

namespace graceslab::tool::bench {

const std::vector<allocator> allocators = {
    {"jemalloc", {"libjemalloc.so.2"}, "libjemalloc2"},
    {"mimalloc", {"libmimalloc.so.2.0", "libmimalloc.so.2"}, "libmimalloc2.0"},
    {"tcmalloc", {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}, "libtcmalloc-minimal4"},
};

std::string contest::name() const {
  std::string all = workload;
  for (const auto& [key, value] : parameters) all += "/" + key + ":" + value;
  return all;
}

catalogue everything() {
  catalogue c;
  add_allocation(c);
  add_reclamation(c);
  add_teardown(c);
  return c;
}

}  // namespace graceslab::tool::bench
