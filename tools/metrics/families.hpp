// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a process tells of itself, as metrics of Prometheus: names, units, what each means.
#pragma once
#include <prometheus/metric_family.h>

#include <string>
#include <vector>

#include "observe/client.hpp"

namespace graceslab::tool::metrics {

using families = std::vector<prometheus::MetricFamily>;

// Each with the label process=`name`, which is to tell processes of one machine apart.
families of(const observe::snapshot& now, std::uint32_t pid, const std::string& name);
// Of a process that did not answer.
families of_nobody(const std::string& name);

}  // namespace graceslab::tool::metrics
