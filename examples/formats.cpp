// SPDX-License-Identifier: MIT
// Prints the table of named formats as Markdown, from the descriptors. The README holds this output.
#include <fewbits/value.hpp>

#include <cstdio>
#include <string>

namespace fb = fewbits;

namespace {

const char* yes_or_dash(bool yes) { return yes ? "yes" : "-"; }

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

template <class Value>
void print_row(const char* name, const char* specification) {
  using limits = std::numeric_limits<Value>;
  constexpr fb::float_format format = Value::format;
  std::printf("| `%s` | %d | %d | %d | %d | %s | 2^%d | 2^%d | %s | %s | %s |\n", name,
              format.bits(), format.exponent_bits, format.mantissa_bits, format.bias,
              number(static_cast<double>((limits::max)())).c_str(), format.min_exponent(),
              format.min_positive_exponent(), yes_or_dash(limits::has_infinity),
              yes_or_dash(limits::has_quiet_NaN), specification);
}

}  // namespace

int main() {
  std::puts(
      "| type | bits | exponent | mantissa | bias | largest | smallest normal | smallest | inf | "
      "NaN | specification |");
  std::puts("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
#define FEWBITS_ROW(name, descriptor, specification) print_row<fb::name>(#name, specification);
  FEWBITS_FLOAT_FORMATS(FEWBITS_ROW)
#undef FEWBITS_ROW
}
