// SPDX-License-Identifier: MIT
// Uses as much of the public interface as one object can, each function once: what is proved is
// where the symbols go, and it is compiled ten times. Only the name of the object at the end depends
// on the flags.
#include "odr/use_everything.hpp"

#include <fewbits/fewbits.hpp>
#include <fewbits/isa/cpu.hpp>
#include <fewbits/math.hpp>
#include <fewbits/text.hpp>

#include <cstdint>
#include <limits>

#include "odr/use_io.hpp"
#include "odr/use_products.hpp"
#include "odr/use_quantizers.hpp"
#include "odr/use_training.hpp"

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
void use_functions(digest& out, Float x, Float y) {
  int exponent = 0;
  out.add(sqrt(x));
  out.add(fma(x, y, x));
  out.add(remainder(x, y));
  out.add(fmod(x, y));
  out.add(next_up(x));
  out.add(nextafter(x, y));
  out.add(ulp(x));
  out.add(scalbn(x, ilogb(y)));
  out.add(frexp(x, &exponent));
  out.add(roundeven(x));
  out.add(floor(x));
  out.add(minimum(x, y));
  out.add(fmax(x, y));
  out.add(std::uint64_t{total_order(x, y)} + std::hash<Float>{}(x));
  out.add(Float{static_cast<long double>(x)});
  out.add(fb::convert<fb::fp4_e2m1, fb::stochastic>(x, 0x12345678));
  out.add(std::uint64_t{fb::int4{x}.bits()});
  out.add(exp(x));
  out.add(log(abs(x)));
  out.add(pow(abs(x), y));
  out.add(hypot(x, y));
}

template <class Float>
void use_text(digest& out, Float x) {
  char text[64];
  const auto written = fb::to_chars(text, text + sizeof(text), x);
  Float back{};
  fb::from_chars(text, written.ptr, back);
  out.add(back);
  out.add(std::uint64_t{fb::anatomy(x).exponent != 0});
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

void use_packed_ranges(digest& out, const float (&src)[37]) {
  unsigned char memory[32] = {};
  float back[37];
  const fb::packed_span<fb::int4> span{memory, 37, 3};
  fb::convert(src, span);
  fb::convert(fb::inline_executor{}, span, back);
  for (const float x : back) out.add(x);
  fb::convert(fb::matrix_view<const float>{src, 2, 3, 5},
              fb::packed_matrix_view<fb::fp6_e2m3>{memory, 2, 3, 4}, fb::non_temporal{0});
  for (const unsigned char byte : memory) out.add(std::uint64_t{byte});

  fb::packed_vector<fb::int4> owned(7);
  owned.resize(37);
  fb::packed_vector<fb::int4> copy = owned;
  swap(owned, copy);
  fb::convert(src, copy);
  fb::packed_array<fb::fp4_e2m1, 37> array{};
  fb::convert(copy, array);
  swap(array[0], array[1]);
  array[2] = array[3];
  for (const fb::fp4_e2m1 x : array) out.add(x);
  out.add(static_cast<std::uint64_t>(array.end() - array.begin()) + span.subspan(2).size());

  const fb::philox random{2026};
  fb::fp8_e4m3 narrow[37];
  fb::convert<fb::stochastic>(src, fb::array_view<fb::fp8_e4m3>{narrow}, random);
  fb::convert<fb::stochastic>(fb::inline_executor{}, src, span, random);
  for (const fb::fp8_e4m3 x : narrow) out.add(x);
  for (const int x : copy) out.add(static_cast<std::uint64_t>(x));
}

// Integer products are exact, so these answers too must agree.
void use_quantize_and_gemm(digest& out, const float (&src)[37]) {
  using codes = fb::array_view<std::int8_t>;
  std::int8_t a[36];
  std::uint8_t b[36];
  std::int32_t c[36];
  float scales[6];
  float floats[36];
  const fb::array_view<const float> tensor{src, 36};
  const fb::matrix_view<const float> matrix{src, 6, 6};
  const fb::matrix_view<float> result{floats, 6, 6};

  const auto symmetric = fb::calibrate_absmax<std::int8_t>(tensor);
  fb::quantize(tensor, symmetric, codes{a, 36});
  fb::dequantize(codes{a, 36}, symmetric, fb::array_view<float>{floats, 36});
  const auto shifted = fb::calibrate_minmax<std::uint8_t>(tensor);
  fb::quantize(tensor, shifted, fb::array_view<std::uint8_t>{b, 36});
  fb::gemm(fb::matrix_view<const std::uint8_t>{b, 6, 6},
           fb::transposed(fb::matrix_view<const std::int8_t>{a, 6, 6}),
           fb::matrix_view<std::int32_t>{c, 6, 6});
  for (const std::int32_t x : c) out.add(static_cast<std::uint64_t>(x));

  const auto rows =
      fb::calibrate_absmax<std::int8_t, fb::per_row>(matrix, fb::array_view<float>{scales, 6});
  fb::quantize(matrix, rows, fb::matrix_view<std::int8_t>{a, 6, 6});
  fb::dequantize(fb::matrix_view<const std::int8_t>{a, 6, 6}, rows, result);
  for (const float x : floats) out.add(x);

  // Not promised to be the same everywhere: called, and not looked at.
  fb::bf16 narrow[37];
  fb::convert(fb::array_view<const float>{src}, fb::array_view<fb::bf16>{narrow});
  const fb::matrix_view<const fb::bf16> operand{narrow, 6, 6};
  fb::gemm(operand, operand, result, fb::scale_bias{.scale = 0.5f} | fb::relu{});
  fb::gemm(operand, matrix, result);
  fb::gemm(matrix, matrix, result);
}

void use_memory(digest& out, std::uint64_t count) {
  const fb::training_setup training{};
  const fb::inference_setup inference{};
  const fb::memory_table table = fb::training_memory(training);
  out.add(table.card_bytes() + table.bytes(fb::tensor_role::moments));
  for (const fb::memory_line& line : table)
    out.add(static_cast<std::uint64_t>(fb::explain(line).size));
  out.add(fb::training_memory(count, fb::recipes::lesson, 3, 8, count).bytes());
  out.add(fb::adapter_memory(count, fb::formats::int4, fb::adapter_count(8, count, count),
                             fb::recipes::mixed_adam_8bit)
              .bytes());
  out.add(fb::inference_memory(inference).bytes() + fb::largest_batch(training, count) +
          fb::largest_sequence(inference, count) + fb::fits(table, count).spare +
          fb::largest_matrix(training.model));
  out.add(static_cast<std::uint64_t>(fb::size_text(count).size));
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
  use_functions(out, e4m3, fb::fp8_e4m3{0.75f});
  use_functions(out, fb::fp16{e5m2}, fb::fp16{-3.0f});
  use_text(out, e4m3);
  use_text(out, fb::bf16{e5m2});
  use_limits<fb::bf16>(out);
  use_limits<fb::fp4_e2m1>(out);

  float floats[37];
  for (int i = 0; i < 37; ++i) floats[i] = static_cast<float>(i * i - 100 * code) / 7.0f;
  use_bulk_convert<fb::bf16>(out, floats);
  use_bulk_convert<fb::fp16>(out, floats);
  use_bulk_convert<fb::fp8_e4m3>(out, floats);
  use_packed_ranges(out, floats);
  use_quantize_and_gemm(out, floats);
  float more[64];
  for (int i = 0; i < 64; ++i) more[i] = floats[i % 37];
  static_cast<void>(use_quantizers(more));
  static_cast<void>(use_training(more));
  static_cast<void>(use_products(more));
  static_cast<void>(use_io(code));
  use_memory(out, code);
  out.add(fb::weight_bytes(code, fb::formats::fp8_e4m3));
  return out.hash();
}

}  // namespace

extern const odr_object FEWBITS_ODR_OBJECT;
constinit const odr_object FEWBITS_ODR_OBJECT = {fb::native.features, use_everything};
