// SPDX-License-Identifier: MIT
// What a number, or a code, is in every format.
//
//   anatomy 0.1                         a number, rounded to every format
//   anatomy bf16 0.1                    everything about it in one
//   anatomy fp8_e4m3 0x7e               a code of that format
//   anatomy 0x7e                        the same bits in every format that has so many
//
// Exit status: 0, 1 if a check fails (without arguments), 2 for bad input.
#include <fewbits/text.hpp>
#include <fewbits/value.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>

namespace {

namespace fb = fewbits;
using fb::literals::operator""_bf16;

constexpr const char* help =
    "usage: anatomy [--format] [FORMAT] NUMBER\n"
    "\n"
    "Shows NUMBER in every format, or all about it in one.\n"
    "\n"
    "NUMBER  0.1  -1.5e3  0x1.8p3  inf  nan    a number: rounded to the format, ties to even\n"
    "        0x7e  0b1111110                   a code: the bits of a number of the format\n"
    "FORMAT  one of\n";

/// A number as it was given.
struct input {
  std::string text;   // for from_chars
  bool is_hex_float;  // 0x1.8p3, without the 0x
  std::optional<std::uint64_t> code;

  [[nodiscard]] std::chars_format notation() const {
    return is_hex_float ? std::chars_format::hex : std::chars_format::general;
  }
};

struct conversion {
  std::uint64_t code;
  bool exact;     // rounding up and down gives the same
  bool in_range;  // what from_chars without a policy says
};

/// One format as data.
struct row {
  const char* name;
  fb::float_format format;
  conversion (*convert)(const input&);
  fb::number_anatomy (*anatomy)(std::uint64_t);
  double (*value)(std::uint64_t);
};

template <class Type>
conversion convert(const input& number) {
  const char* const first = number.text.data();
  const char* const last = first + number.text.size();
  constexpr fb::cast_policy up{.round = fb::rounding::toward_positive};
  constexpr fb::cast_policy down{.round = fb::rounding::toward_negative};
  Type nearest{};
  Type above{};
  Type below{};
  Type ignored{};
  fb::from_chars<fb::cast_policy{}>(first, last, nearest, number.notation());
  fb::from_chars<up>(first, last, above, number.notation());
  fb::from_chars<down>(first, last, below, number.notation());
  const std::from_chars_result strict = fb::from_chars(first, last, ignored, number.notation());
  return {nearest.bits(), above.bits() == below.bits(), strict.ec == std::errc{}};
}

template <class Type>
Type of_code(std::uint64_t code) {
  return Type::from_bits(static_cast<typename Type::storage_type>(code));
}

template <class Type>
row make_row(const char* name) {
  return {name, Type::format, convert<Type>,
          [](std::uint64_t code) { return fb::anatomy(of_code<Type>(code)); },
          [](std::uint64_t code) { return static_cast<double>(of_code<Type>(code)); }};
}

#define EXAMPLE_ROW(name, descriptor, specification) make_row<fb::name>(#name),
const row rows[] = {FEWBITS_FLOAT_FORMATS(EXAMPLE_ROW)};
#undef EXAMPLE_ROW

const row* find(const std::string& name) {
  for (const row& format : rows)
    if (name == format.name) return &format;
  return nullptr;
}

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "anatomy: %s\nTry: anatomy --help\n", what.c_str());
  std::exit(2);
}

/// A code if it has a prefix but neither point nor exponent, else a number; all of it or nothing.
std::optional<input> parse(std::string text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.erase(0, 1);
  const std::size_t sign = !text.empty() && text[0] == '-' ? 1 : 0;
  const std::string prefix = text.substr(sign, 2);
  const bool is_hex = prefix == "0x" || prefix == "0X";
  const bool is_binary = prefix == "0b" || prefix == "0B";
  input result{text, is_hex, std::nullopt};
  if ((is_hex || is_binary) && text.find_first_of(".pP") == std::string::npos) {
    std::uint64_t code = 0;
    const char* const last = text.data() + text.size();
    const auto end = std::from_chars(text.data() + sign + 2, last, code, is_hex ? 16 : 2);
    if (sign != 0 || end.ec != std::errc{} || end.ptr != last) return std::nullopt;
    result.code = code;
    return result;
  }
  if (is_hex) result.text.erase(sign, 2);
  fb::fp64 ignored{};
  const char* const last = result.text.data() + result.text.size();
  const auto end = fb::from_chars(result.text.data(), last, ignored, result.notation());
  if (end.ec == std::errc::invalid_argument || end.ptr != last) return std::nullopt;
  return result;
}

bool fits(std::uint64_t code, const row& format) {
  return format.format.bits() == 64 || code >> format.format.bits() == 0;
}

/// What rounding did: "exact", the relative error, or why there is none.
std::string error_of(const row& format, const conversion& result, const input& number) {
  using kind = fb::number_class;
  const kind got = format.anatomy(result.code).kind;
  const bool hex = number.is_hex_float;
  const std::size_t sign = number.text[0] == '-' ? 1 : 0;
  const std::string text =
      hex ? number.text.substr(0, sign) + "0x" + number.text.substr(sign) : number.text;
  const long double wanted = std::strtold(text.c_str(), nullptr);
  const char first = static_cast<char>(number.text[sign] | 0x20);
  if (first == 'n') return got == kind::nan ? "exact" : "no NaN";
  if (first == 'i') return got == kind::infinite ? "exact" : "no infinity";
  if (!format.format.is_signed && sign != 0 && got != kind::zero) return "no sign";
  if (wanted == 0 && !format.format.has_zero()) return "no zero";
  if (result.exact && result.in_range) return "exact";
  if (!result.in_range && got == kind::zero) return "underflow";
  const long double value = static_cast<long double>(format.value(result.code));
  // A format without zero has its smallest value instead.
  const bool above =
      got == kind::normal && (value < 0 ? -value : value) > (wanted < 0 ? -wanted : wanted);
  if (!result.in_range) return above ? "underflow" : "overflow";
  char error[32];
  std::snprintf(error, sizeof(error), "%+.1e", static_cast<double>((value - wanted) / wanted));
  return error;
}

/// The value is printed as a double, to tell the formats apart: each would say 0.1 for its own.
void print_line(const row& format, std::uint64_t code, const std::string& error) {
  const fb::number_anatomy x = format.anatomy(code);
  char value[25];
  *fb::to_chars(value, value + 24, fb::fp64{format.value(code)}).ptr = '\0';
  std::printf("%-16s %-18s %-24s %-11s %s\n", format.name, x.hex.c_str(), value, error.c_str(),
              x.fields.c_str());
}

void print_all(const input& number) {
  std::printf("%-16s %-18s %-24s %-11s %s\n", "format", "code", "value",
              number.code ? "class" : "error", "sign, exponent, mantissa");
  for (const row& format : rows) {
    if (number.code) {
      if (fits(*number.code, format))
        print_line(format, *number.code, fb::name_of(format.anatomy(*number.code).kind));
    } else {
      const conversion result = format.convert(number);
      print_line(format, result.code, error_of(format, result, number));
    }
  }
}

void print_one(const row& format, const input& number) {
  std::uint64_t code = 0;
  std::string error;
  if (number.code) {
    if (!fits(*number.code, format))
      refuse("a code of " + std::string(format.name) + " has " +
             std::to_string(format.format.bits()) + " bits");
    code = *number.code;
  } else {
    const conversion result = format.convert(number);
    code = result.code;
    error = error_of(format, result, number);
  }
  char text[1500];
  *fb::to_chars(text, text + sizeof(text) - 1, format.anatomy(code)).ptr = '\0';
  std::printf("%s", text);
  if (!error.empty()) std::printf("error     %s\n", error.c_str());
}

/// The default: a table, and whether its codes are right and its texts read back.
int demonstrate() {
  static_assert((0.1_bf16).bits() == 0x3dcd);
  const input tenth = *parse("0.1");
  print_all(tenth);
  for (const row& format : rows) {
    const conversion result = format.convert(tenth);
    const input text = *parse(format.anatomy(result.code).value.c_str());
    if (format.convert(text).code != result.code) {
      std::fprintf(stderr, "anatomy: %s does not read back its own text\n", format.name);
      return 1;
    }
  }
  const bool right = find("fp32")->convert(tenth).code == 0x3dcccccd &&
                     find("fp8_e4m3")->convert(tenth).code == 0x1d &&
                     find("scale_e8m0")->convert(tenth).code == 0x7c;
  if (!right) std::fprintf(stderr, "anatomy: 0.1 has the wrong code\n");
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return demonstrate();
  const row* format = nullptr;
  std::optional<input> number;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--help" || argument == "-h") {
      std::printf("%s", help);
      for (const row& line : rows) std::printf("        %s\n", line.name);
      return 0;
    }
    if (argument == "--format" && ++i == argc) refuse("--format needs the name of a format");
    const std::string value = argv[i];
    const row* const named = find(value);
    if (argument == "--format" && named == nullptr) refuse("there is no format '" + value + "'");
    if (named != nullptr) {
      if (format != nullptr) refuse("one format at a time, not '" + value + "' too");
      format = named;
    } else if (value.rfind("--", 0) == 0) {
      refuse("there is no option '" + value + "'");
    } else {
      if (number) refuse("one number at a time, not '" + value + "' too");
      number = parse(value);
      if (!number) refuse("'" + value + "' is neither a number, a code of 64 bits, nor a format");
    }
  }
  if (!number) refuse("no number");
  if (format != nullptr) {
    print_one(*format, *number);
  } else {
    print_all(*number);
  }
  return 0;
}
