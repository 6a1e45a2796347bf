// SPDX-License-Identifier: MIT
// The report's pictures, each a whole SVG.
#pragma once

#include <string>

#include "report.hpp"

namespace demo {

/// Histograms of the errors of the weights, a row a format.
std::string error_chart(const report& all);
/// The numbers of narrow formats, under a histogram of the weights.
std::string number_line_chart(const report& all);
/// The exponents of the formats.
std::string range_chart(const report& all);
/// Speed over FP64 against the error of the product.
std::string ladder_chart(const report& all);
/// Bars of the weights of large models.
std::string memory_chart(const report& all);

}  // namespace demo
