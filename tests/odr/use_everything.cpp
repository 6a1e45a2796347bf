// SPDX-License-Identifier: MIT
// Uses as much of the public interface as one object can, each function once: what is proved is
// where the symbols go, and it is compiled ten times. Only the name of the last function depends on
// the flags.
#include "odr/use_everything.hpp"

#include <fewbits/convert.hpp>
#include <fewbits/isa/cpu.hpp>

#include <cstdint>
#include <limits>

namespace fb = fewbits;

namespace {

// FNV-1a over 64-bit words.
class digest {
 public:
  void add(std::uint64_t word) { hash_ = (hash_ ^ word) * 0x100000001b3u; }
  void add(float x) { add(std::uint64_t{__builtin_bit_cast(std::uint32_t, x)}); }
  void add(double x) { add(__builtin_bit_cast(std::uint64_t, x)); }
  template <fb::float_format Format>
  void add(fb::basic_float<Format> x) {
    add(std::uint64_t{x.bits()});
  }
  std::uint64_t hash() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325u;
};

template <class Float>
void use_values(digest& out, Float x, Float y) {
  out.add(static_cast<double>(x));
  out.add(fb::fp16{static_cast<float>(y)});
  out.add(fb::convert<fb::bf16>(x));
  out.add(fb::convert<fb::fp8_e4m3, fb::saturating>(y));
  out.add(static_cast<std::uint64_t>(static_cast<std::int64_t>(x)));
  out.add(x.sign_bit() + std::uint64_t{x.exponent_field()} + x.mantissa_field());
  out.add(std::uint64_t{isnan(x)} + isinf(x) + isfinite(x) + signbit(x));
  out.add(x - y);
  out.add(x / y);
  out.add(x + 3);
  out.add(fb::mul<fb::fp16, fb::truncating>(x, y));
  out.add(x += y);
  out.add(-x);
  out.add(std::uint64_t{x == y} + (x < 2.5));
}

template <class Float>
void use_limits(digest& out) {
  using limits = std::numeric_limits<Float>;
  out.add((limits::max)());
  out.add((limits::min)());
  out.add(limits::lowest());
  out.add(limits::epsilon());
  out.add(limits::round_error());
  out.add(limits::denorm_min());
  out.add(limits::infinity());
  out.add(limits::quiet_NaN());
}

template <class To>
void use_bulk_convert(digest& out, const float (&src)[37]) {
  To dst[37];
  float back[37];
  fb::convert(fb::array_view<const float>{src}, fb::array_view<To>{dst});
  fb::convert<fb::saturating>(fb::array_view<const To>{dst}, fb::array_view<float>{back});
  for (const float x : back) out.add(x);
}

[[gnu::noinline]] std::uint64_t use_everything() {
  digest out;
  volatile std::uint8_t code = 0x2b;  // not a constant, or everything would be folded
  const fb::fp8_e4m3 e4m3 = fb::fp8_e4m3::from_bits(code);
  const fb::fp8_e5m2 e5m2 = fb::fp8_e5m2::from_bits(code);
  use_values(out, e4m3, fb::fp8_e4m3{0.75f});
  use_values(out, fb::bf16{e5m2}, fb::bf16{-3.0f});
  use_values(out, fb::fp64{e5m2}, fb::fp64{1e300});
  out.add(fb::basic_float<fb::formats::ieee(3, 4)>{static_cast<double>(e4m3)});
  out.add(fb::fp16{e4m3} * e5m2);
  use_limits<fb::bf16>(out);
  use_limits<fb::fp4_e2m1>(out);

  float floats[37];
  for (int i = 0; i < 37; ++i) floats[i] = static_cast<float>(i * i - 100 * code) / 7.0f;
  use_bulk_convert<fb::bf16>(out, floats);
  use_bulk_convert<fb::fp16>(out, floats);
  use_bulk_convert<fb::fp8_e4m3>(out, floats);
  return out.hash();
}

}  // namespace

void FEWBITS_ODR_FUNCTION(odr_report& report);
void FEWBITS_ODR_FUNCTION(odr_report& report) {
  if (!fb::cpu_features().contains(fb::native)) return;
  report.ran = true;
  report.hash = use_everything();
}
