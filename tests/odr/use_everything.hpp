// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

struct odr_report {
  bool ran = false;
  std::uint64_t hash = 0;
};
