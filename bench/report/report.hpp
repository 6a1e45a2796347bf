// SPDX-License-Identifier: MIT
// What the benchmarks measured, and the tables and the picture of it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "json.hpp"

namespace bench {

struct measurement {
  std::string group;  ///< the name up to the first slash
  std::string name;   ///< the rest
  std::vector<std::pair<std::string, double>> counters;

  /// A counter, or a negative number.
  [[nodiscard]] double operator[](const std::string& counter) const;
};

struct measurements {
  std::vector<std::pair<std::string, std::string>> context;  ///< machine, compiler, peers
  std::vector<measurement> rows;

  [[nodiscard]] std::vector<std::string> groups() const;
};

/// Adds the benchmarks of one file; those that failed are left out.
void add(measurements& to, const json& file);

/// The counter that is the speed of a group: its unit.
std::string speed_unit(const measurements& all, const std::string& group);
/// The peers that a group was compared with.
std::vector<std::string> peers(const measurements& all, const std::string& group);

/// A table a group.
std::string markdown(const measurements& all);
/// Bars of the speed of the rows whose names end in one of `ends`, with the peers as points: an SVG
/// in light or dark.
std::string picture(const measurements& all, const std::vector<std::string>& ends);

}  // namespace bench
