// SPDX-License-Identifier: MIT
// A number taken apart: its fields, its exact value, its neighbours.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/classify.hpp>
#include <fewbits/value/functions.hpp>
#include <fewbits/value/to_chars.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>

namespace fewbits {
inline namespace FEWBITS_ABI {

/// Text of at most `Capacity` characters, terminated by a zero.
template <int Capacity>
struct fixed_text {
  int length = 0;
  char characters[static_cast<std::size_t>(Capacity) + 1] = {};

  FEWBITS_HOST_INLINE constexpr fixed_text() = default;
  [[nodiscard]] FEWBITS_HOST_INLINE constexpr const char* c_str() const { return characters; }
  [[nodiscard]] FEWBITS_HOST_INLINE constexpr const char* data() const { return characters; }
  [[nodiscard]] FEWBITS_HOST_INLINE constexpr std::size_t size() const {
    return static_cast<std::size_t>(length);
  }
  [[nodiscard]] FEWBITS_HOST_INLINE constexpr bool empty() const { return length == 0; }
};

enum class number_class : unsigned char { zero, subnormal, normal, infinite, nan };

FEWBITS_HOST_INLINE constexpr const char* name_of(number_class kind) {
  switch (kind) {
    case number_class::zero:
      return "zero";
    case number_class::subnormal:
      return "subnormal";
    case number_class::normal:
      return "normal";
    case number_class::infinite:
      return "infinite";
    default:
      return "NaN";
  }
}

/// What there is to know about one number.
struct number_anatomy {
  const char* format = "";  ///< the name of the format, or "unnamed"
  std::uint64_t code = 0;
  number_class kind = number_class::zero;
  int exponent = 0;      ///< floor(log2(|x|)); 0 unless finite and nonzero
  int ulp_exponent = 0;  ///< the next larger magnitude is 2^ulp_exponent away; 0 unless finite
  std::uint64_t below_code = 0, above_code = 0;
  fixed_text<66> fields;        ///< sign, exponent and mantissa in binary: "0 10000 1001000000"
  fixed_text<18> hex;           ///< the code, with all its digits: "0x4240"
  fixed_text<24> value;         ///< the shortest text that reads back
  fixed_text<24> below, above;  ///< the neighbours, shortest; empty where there is none
  fixed_text<1088> exact;       ///< every digit

  FEWBITS_HOST_INLINE constexpr number_anatomy() = default;
};

namespace detail {

static constexpr void put_bits(text_writer& out, std::uint64_t code, int count) {
  for (int i = count - 1; i >= 0; --i) put(out, (code >> i & 1) != 0 ? '1' : '0');
}

static constexpr void put_fields(text_writer& out, std::uint64_t code, const float_format& format) {
  if (format.is_signed) {
    put(out, (code & format.sign_mask()) != 0 ? '1' : '0');
    put(out, ' ');
  }
  put_bits(out, (code & format.magnitude_mask()) >> format.mantissa_bits, format.exponent_bits);
  if (format.mantissa_bits > 0) put(out, ' ');
  put_bits(out, code, format.mantissa_bits);
}

static constexpr void put_code(text_writer& out, std::uint64_t code, int bits) {
  put(out, "0x");
  put_integer(out, code, 16, (bits + 3) / 4);
}

static constexpr void put_shortest(text_writer& out, const printed_number& x) {
  const std::to_chars_result end = print_shortest(out.at, out.last, x, std::chars_format{});
  out.fits = out.fits && end.ec == std::errc{};
  out.at = end.ptr;
}

static constexpr void put_exact(text_writer& out, const printed_number& x) {
  if (put_special(out, x)) return;
  decimal digits;
  if (x.kind != number_kind::zero) exact_digits(x.finite.value, digits);
  put_fixed(out, digits, digits.count > digits.point ? digits.count - digits.point : 0);
}

template <int Capacity>
FEWBITS_HOST_INLINE constexpr text_writer writer_of(fixed_text<Capacity>& text) {
  return {text.characters, text.characters + Capacity};
}
template <int Capacity>
FEWBITS_HOST_INLINE constexpr void finish(fixed_text<Capacity>& text, const text_writer& out) {
  text.length = static_cast<int>(out.at - text.characters);
}
static constexpr void set_shortest(fixed_text<24>& text, const printed_number& x) {
  text_writer out = writer_of(text);
  put_shortest(out, x);
  finish(text, out);
}

/// The parts that do not depend on the format as a type.
static constexpr void describe(number_anatomy& result, const float_format& format,
                               const printed_number& x) {
  text_writer fields = writer_of(result.fields);
  put_fields(fields, result.code, format);
  finish(result.fields, fields);
  text_writer hex = writer_of(result.hex);
  put_code(hex, result.code, format.bits());
  finish(result.hex, hex);
  set_shortest(result.value, x);
  text_writer exact = writer_of(result.exact);
  put_exact(exact, x);
  finish(result.exact, exact);
}

static constexpr void put_neighbour(text_writer& out, const char* label, const fixed_text<24>& text,
                                    std::uint64_t code, int bits) {
  put(out, label);
  if (text.empty()) {
    put(out, "none\n");
    return;
  }
  put(out, text.c_str());
  put(out, "  (");
  put_code(out, code, bits);
  put(out, ")\n");
}

static constexpr void put_integer_line(text_writer& out, const char* label, int value) {
  put(out, label);
  if (value < 0) put(out, '-');
  put_integer(out, static_cast<std::uint64_t>(value < 0 ? -value : value));
  put(out, '\n');
}

static constexpr std::to_chars_result print_anatomy(char* first, char* last,
                                                    const number_anatomy& x) {
  text_writer out{first, last};
  put(out, "format    ");
  put(out, x.format);
  put(out, "\nfields    ");
  put(out, x.fields.c_str());
  put(out, "\ncode      ");
  put(out, x.hex.c_str());
  put(out, "\nclass     ");
  put(out, name_of(x.kind));
  put(out, "\nvalue     ");
  put(out, x.value.c_str());
  put(out, "\nexact     ");
  put(out, x.exact.c_str());
  put(out, '\n');
  if (x.kind == number_class::subnormal || x.kind == number_class::normal)
    put_integer_line(out, "exponent  ", x.exponent);
  if (x.kind != number_class::infinite && x.kind != number_class::nan)
    put_integer_line(out, "ulp       2^", x.ulp_exponent);
  if (x.kind != number_class::nan) {
    const int bits = static_cast<int>(x.hex.size() - 2) * 4;
    put_neighbour(out, "below     ", x.below, x.below_code, bits);
    put_neighbour(out, "above     ", x.above, x.above_code, bits);
  }
  return result_of(out);
}

}  // namespace detail

/// The fields of a code in binary, from high to low, a space between them: "0 10000 1001000000". An
/// unsigned format has no first one, a format without mantissa bits no last one.
/// Errors: {last, std::errc::value_too_large} when it does not fit; 66 characters always do.
template <float_format Format>
FEWBITS_HOST_INLINE constexpr std::to_chars_result fields_to_chars(char* first, char* last,
                                                                   basic_float<Format> x) {
  detail::text_writer out{first, last};
  detail::put_fields(out, x.bits(), Format);
  return detail::result_of(out);
}

/// `x` taken apart. No allocation; constexpr.
template <float_format Format>
[[nodiscard]] FEWBITS_HOST_INLINE constexpr number_anatomy anatomy(basic_float<Format> x) {
  const detail::printed_number printed = detail::to_printed(x);
  number_anatomy result;
  result.format = name_of(Format);
  result.code = x.bits();
  detail::describe(result, Format, printed);
  switch (printed.kind) {
    case detail::number_kind::zero:
      result.kind = number_class::zero;
      break;
    case detail::number_kind::infinity:
      result.kind = number_class::infinite;
      break;
    case detail::number_kind::nan:
      result.kind = number_class::nan;
      return result;
    default:
      result.kind = isnormal(x) ? number_class::normal : number_class::subnormal;
      result.exponent = ilogb(x);
      break;
  }
  if (result.kind == number_class::zero) result.ulp_exponent = Format.quantum_exponent();
  if (printed.kind == detail::number_kind::finite)
    result.ulp_exponent = printed.finite.value.exponent;
  // The last value is its own neighbour; -0 and +0 are one place.
  const basic_float<Format> below = next_down(x);
  const basic_float<Format> above = next_up(x);
  result.below_code = below.bits();
  result.above_code = above.bits();
  if (result.below_code != result.code)
    detail::set_shortest(result.below, detail::to_printed(below));
  if (result.above_code != result.code)
    detail::set_shortest(result.above, detail::to_printed(above));
  return result;
}

/// The anatomy as lines of text, "name      value\n" each.
/// Errors: {last, std::errc::value_too_large} when it does not fit; 1500 characters always do.
FEWBITS_HOST_INLINE constexpr std::to_chars_result to_chars(char* first, char* last,
                                                            const number_anatomy& x) {
  return detail::print_anatomy(first, last, x);
}

}  // namespace FEWBITS_ABI
}  // namespace fewbits
