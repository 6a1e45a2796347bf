// SPDX-License-Identifier: MIT
// std::format of the library's numbers, where the standard library has it (__cpp_lib_format).
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/from_chars.hpp>
#include <fewbits/value/to_chars.hpp>

#include <type_traits>

#if __has_include(<format>)
#include <format>
#endif

#if defined(__cpp_lib_format)

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// The double that prints as the shortest text of `value`. A text of at most 15 digits is also the
/// shortest text of the double nearest to it.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr double double_of_shortest(basic_float<Format> value) {
  if (!isfinite(value)) return static_cast<double>(value);
  char text[24] = {};
  const std::to_chars_result end = to_chars(text, text + 24, value);
  basic_float<formats::fp64> result{};
  from_chars(text, end.ptr, result);
  return static_cast<double>(result);
}

/// Whether a format specification, from after the colon to `last`, has a precision or a type.
template <class Iterator>
FEWBITS_HOST_INLINE constexpr bool has_precision_or_type(Iterator first, Iterator last) {
  for (Iterator at = first; at != last; ++at)
    if (*at == '<' || *at == '>' || *at == '^') first = at + 1;  // what comes before is the fill
  for (; first != last; ++first) {
    const auto lower = *first | 0x20;
    if (*first == '.' || lower == 'a' || lower == 'e' || lower == 'f' || lower == 'g') return true;
  }
  return false;
}

}  // namespace detail
}  // namespace FEWBITS_ABI
}  // namespace fewbits

/// As std::formatter<double>: every option of it. Without precision and type it is the shortest text
/// that reads back in the number's own format; with them, the exact value is rounded.
template <fewbits::float_format Format, class Character>
class std::formatter<fewbits::basic_float<Format>, Character> {
  using hardware = typename fewbits::basic_float<Format>::native_type;
  // Up to 49 bits of precision the shortest text has at most 15 digits.
  static constexpr bool is_own_text = Format != fewbits::formats::fp32 && Format.precision() <= 49;
  using printed_type = std::conditional_t<is_own_text, double, hardware>;

  std::formatter<printed_type, Character> base_;
  bool shortest_ = true;

 public:
  template <class Context>
  FEWBITS_HOST_INLINE constexpr typename Context::iterator parse(Context& context) {
    const typename Context::iterator first = context.begin();
    const typename Context::iterator last = base_.parse(context);
    shortest_ = !fewbits::detail::has_precision_or_type(first, last);
    return last;
  }

  template <class Context>
  FEWBITS_HOST_INLINE typename Context::iterator format(fewbits::basic_float<Format> value,
                                                        Context& context) const {
    if constexpr (is_own_text) {
      if (shortest_) return base_.format(fewbits::detail::double_of_shortest(value), context);
    }
    return base_.format(static_cast<printed_type>(value), context);
  }
};

/// As std::formatter<int>.
template <fewbits::int_format Format, class Character>
class std::formatter<fewbits::basic_int<Format>, Character> {
  using hardware = typename fewbits::basic_int<Format>::native_type;

  std::formatter<hardware, Character> base_;

 public:
  template <class Context>
  FEWBITS_HOST_INLINE constexpr typename Context::iterator parse(Context& context) {
    return base_.parse(context);
  }
  template <class Context>
  FEWBITS_HOST_INLINE typename Context::iterator format(fewbits::basic_int<Format> value,
                                                        Context& context) const {
    return base_.format(static_cast<hardware>(value), context);
  }
};

#endif
