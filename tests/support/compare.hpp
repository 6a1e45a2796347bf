// SPDX-License-Identifier: MIT
// Comparison of codes with what the oracle expects, and a failure text that says all about it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "support/oracle.hpp"

namespace compare {

inline const char* to_string(oracle::mode round) {
  constexpr const char* names[] = {"nearest_even",    "nearest_away",    "toward_zero",
                                   "toward_positive", "toward_negative", "to_odd",
                                   "stochastic",      "stochastic_a",    "stochastic_b"};
  return names[static_cast<int>(round)];
}
inline const char* to_string(oracle::over beyond) {
  constexpr const char* names[] = {"ieee", "saturate", "propagate", "infinity_or_largest"};
  return names[static_cast<int>(beyond)];
}
inline std::string to_string(const oracle::policy& how) {
  return std::string(to_string(how.round)) + ", " + to_string(how.beyond);
}

/// The two values of a format between which |x| lies.
inline std::string between(const oracle::reference& format, const oracle::number& x) {
  if (!x.is_finite() || x.is_zero()) return "";
  const oracle::neighbours n = format.find(x);
  std::string text = "\n  neighbours of |x|: ";
  text += n.none_below ? "none" : format.describe(n.below.code);
  return text + " and " +
         (n.above_is_beyond ? std::string("beyond the range") : format.describe(n.above.code));
}

/// Counts mismatches and reports the first few: a broken rounding rule would print millions.
class checker {
 public:
  checker() = default;
  checker(const checker&) = delete;
  checker& operator=(const checker&) = delete;
  ~checker() {
    if (failed_ > shown)
      ADD_FAILURE() << failed_ << " mismatches in all, of " << checked_ << " comparisons";
  }

  /// `describe()` names the operation and its operands; called only on failure.
  template <class Describe>
  void expect(const oracle::reference& format, std::uint64_t got, std::uint64_t want,
              const oracle::number& exact, Describe&& describe) {
    ++checked_;
    if (got == want || ++failed_ > shown) return;
    ADD_FAILURE() << describe() << " -> " << format.name() << "\n  got  " << format.describe(got)
                  << "\n  want " << format.describe(want) << between(format, exact);
  }
  /// For results that are not codes of a format.
  template <class Describe>
  void expect(bool holds, Describe&& describe) {
    ++checked_;
    if (holds || ++failed_ > shown) return;
    ADD_FAILURE() << describe();
  }

  [[nodiscard]] std::uint64_t checked() const { return checked_; }

 private:
  static constexpr std::uint64_t shown = 5;
  std::uint64_t checked_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace compare
