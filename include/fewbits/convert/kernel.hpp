// SPDX-License-Identifier: MIT
// The definition of `convert_kernel` for any pair, policy and instruction set: one of six steps.
//
// | step        | pairs                                    | how                                         |
// | ----------- | ---------------------------------------- | ------------------------------------------- |
// | copy_step   | the same format                          | NaN made quiet                              |
// | lookup_step | at most 8 bits to at most 16 and to FP32 | byte tables in registers                    |
// | shift_step  | E5M2 to FP16                             | shifted in 16-bit lanes                     |
// | half_step   | FP16 and BF16 to at most 8 bits          | encoded in 16-bit lanes                     |
// | lane_step   | anything that FP32 contains; from FP64   | to FP32, which is exact or rounds to odd,   |
// |             | rounded to odd; to FP64                  | then encoded in 32-bit lanes                |
// | scalar_step | the rest                                 | the conversion of one number                |
//
// What bounds a loop: from the second-level cache, the vector instructions of the encodings to 8 bits, and
// the stores of everything else; from memory, the memory. Instructions for 64 elements with AVX-512 (for 32
// with AVX2), loads, stores and copies not counted, in the short way of ordinary numbers; the machine these
// were measured on starts two a cycle (three):
//
// | FP32 to FP16 4 (4), BF16 6 (28), E4M3 and E5M2 41 (52), E4M3 away from zero 45 (58), E8M0 33 (34)     |
// | FP64 to FP16 8 (58), BF16 47 (86); FP16 to E5M2 17 (18), E4M3 21 (56); BF16 to E4M3 33 (59)           |
// | E4M3 to FP32 10 (28), BF16 6 (36)                                                                     |
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/convert/codec.hpp>
#include <fewbits/convert/half_step.hpp>
#include <fewbits/convert/lane_step.hpp>
#include <fewbits/convert/table.hpp>
#include <fewbits/isa/control_word.hpp>
#include <fewbits/isa/run_vectors.hpp>
#include <fewbits/isa/select.hpp>
#include <fewbits/isa/slots.hpp>
#include <fewbits/value/basic_float.hpp>

#include <concepts>
#include <cstddef>

namespace fewbits {
inline namespace FEWBITS_ABI {
namespace detail {

/// Without a change of format there is nothing to do but to make NaN quiet, which compilers vectorise.
template <class Element>
struct copy_step {
  static constexpr std::size_t lanes = 1;

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    Element x;
    __builtin_memcpy(&x, src, sizeof(Element));
    if constexpr (is_basic_float<Element>) {
      if constexpr (Element::format.nan == nan_encoding::ieee) {
        constexpr auto quiet_bit = typename Element::storage_type{1}
                                   << (Element::format.mantissa_bits - 1);
        x = Element::from_bits(x.bits() | (isnan(x) ? quiet_bit : 0));
      }
    }
    __builtin_memcpy(dst, &x, sizeof(Element));
  }
};

template <class From, class To, cast_policy Policy>
struct scalar_step {
  static constexpr std::size_t lanes = 1;

  FEWBITS_INLINE static void apply(const unsigned char* src, unsigned char* dst) {
    From from;
    __builtin_memcpy(&from, src, sizeof(From));
    const To to = convert<To, Policy>(from);
    __builtin_memcpy(dst, &to, sizeof(To));
  }
};

}  // namespace detail

template <class From, class To, cast_policy Policy, isa Isa>
struct convert_kernel {
  FEWBITS_INLINE static constexpr auto step() {
    if constexpr (std::same_as<From, To> && !detail::with_saturated_infinity<From, Policy>) {
      return detail::copy_step<From>{};
    } else if constexpr (detail::lookup_pair<From, To, Policy, Isa>) {
      return detail::lookup_step<From, To, Policy, Isa>{};
    } else if constexpr (detail::shift_pair<From, To, Policy, Isa>) {
      return detail::shift_step<Isa>{};
    } else if constexpr (detail::half_pair<From, To, Policy, Isa>) {
      return detail::half_step<From, To, Policy, Isa>{};
    } else if constexpr (detail::lane_pair<From, To, Policy, Isa>) {
      return detail::lane_step<From, To, Policy, Isa>{};
    } else {
      return detail::scalar_step<From, To, Policy>{};
    }
  }

  /// Out of line: clang 14 never ends when it has this in the loop over chunks of a run.
  FEWBITS_NOINLINE static void run(const unsigned char* src, unsigned char* dst,
                                   std::size_t count) {
    using chosen = decltype(step());
    const detail::control_word<Isa, detail::instruction_mode(Policy.round)> control_word;
    detail::run_vectors<chosen::lanes, sizeof(From), sizeof(To), chosen>(src, dst, count);
  }
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
