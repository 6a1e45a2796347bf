// SPDX-License-Identifier: MIT
// Packed elements one at a time: where they are, a reference to one, and an iterator over them.
#pragma once

#include <fewbits/config.hpp>
#include <fewbits/value/basic_float.hpp>
#include <fewbits/value/basic_int.hpp>

#include <compare>
#include <cstddef>
#include <type_traits>
// For std::random_access_iterator_tag; all of <iterator> is four times what the views cost.
#if __has_include(<bits/stl_iterator_base_types.h>)
#include <bits/stl_iterator_base_types.h>
#else
#include <iterator>
#endif

namespace fewbits {
inline namespace FEWBITS_ABI {

/// The width of a code of `Element`, a `basic_float` or `basic_int`.
template <class Element>
inline constexpr int packed_bits = Element::format.bits;
template <class Element>
  requires is_basic_float<Element>
inline constexpr int packed_bits<Element> = Element::format.bits();

/// Bytes that `count` packed elements take.
template <class Element>
[[nodiscard]] FEWBITS_INLINE constexpr std::size_t packed_bytes(std::size_t count) {
  // Eight elements fill `width` bytes; the product of all might not fit.
  constexpr std::size_t width = static_cast<std::size_t>(packed_bits<Element>);
  return count / 8 * width + (count % 8 * width + 7) / 8;
}

namespace detail {

/// Element `index` of the memory at `data`.
template <class Element>
[[nodiscard]] FEWBITS_INLINE constexpr Element read_packed(const unsigned char* data,
                                                           std::size_t index) {
  constexpr unsigned width = static_cast<unsigned>(packed_bits<Element>);
  const std::size_t bit = index * width;
  unsigned code = static_cast<unsigned>(data[bit / 8]) >> (bit % 8);
  if (bit % 8 + width > 8) code |= static_cast<unsigned>(data[bit / 8 + 1]) << (8 - bit % 8);
  return Element::from_bits(static_cast<typename Element::storage_type>(code));
}

/// Replaces it; its neighbours keep their bits.
template <class Element>
FEWBITS_INLINE constexpr void write_packed(unsigned char* data, std::size_t index, Element value) {
  constexpr unsigned width = static_cast<unsigned>(packed_bits<Element>);
  const std::size_t bit = index * width;
  const unsigned shift = bit % 8;
  const unsigned code = static_cast<unsigned>(value.bits()) << shift;
  const unsigned mask = ((1U << width) - 1) << shift;
  data[bit / 8] = static_cast<unsigned char>((data[bit / 8] & ~mask) | code);
  if (shift + width > 8)
    data[bit / 8 + 1] = static_cast<unsigned char>((data[bit / 8 + 1] & ~(mask >> 8)) | code >> 8);
}

}  // namespace detail

/// What stands for an `Element&` where elements share bytes: assignment writes the element, conversion
/// reads it. As for `std::vector<bool>`, `auto x = span[i]` names the element and does not copy it.
template <class Element>
class packed_reference {
 public:
  using value_type = Element;
  using native_type = typename Element::native_type;

  FEWBITS_INLINE constexpr packed_reference(unsigned char* data, std::size_t index)
      : data_(data), index_(index) {}
  FEWBITS_INLINE constexpr packed_reference(const packed_reference&) = default;

  [[nodiscard]] FEWBITS_INLINE constexpr Element value() const {
    return detail::read_packed<Element>(data_, index_);
  }
  [[nodiscard]] FEWBITS_INLINE constexpr typename Element::storage_type bits() const {
    return value().bits();
  }
  FEWBITS_INLINE constexpr operator Element() const { return value(); }
  // The conversions of `Element` itself, which would be a second step.
  FEWBITS_INLINE constexpr operator native_type() const { return value(); }
  template <class To>
    requires(std::is_arithmetic_v<To> && !std::is_same_v<To, native_type>)
  FEWBITS_INLINE constexpr explicit operator To() const {
    return static_cast<To>(value());
  }

  // What is assigned to is the element: a const reference has the assignments of another.
  // NOLINTBEGIN(misc-unconventional-assign-operator,bugprone-unhandled-self-assignment)
  FEWBITS_INLINE constexpr const packed_reference& operator=(Element value) const {
    detail::write_packed(data_, index_, value);
    return *this;
  }
  FEWBITS_INLINE constexpr const packed_reference& operator=(const packed_reference& other) const {
    return *this = other.value();
  }
  FEWBITS_INLINE constexpr packed_reference& operator=(const packed_reference& other) {
    detail::write_packed(data_, index_, other.value());
    return *this;
  }
  // NOLINTEND(misc-unconventional-assign-operator,bugprone-unhandled-self-assignment)

  FEWBITS_INLINE friend constexpr void swap(packed_reference a, packed_reference b) {
    const Element value = a;
    a = b.value();
    b = value;
  }
  FEWBITS_INLINE friend constexpr void swap(packed_reference a, Element& b) {
    const Element value = a;
    a = b;
    b = value;
  }
  FEWBITS_INLINE friend constexpr void swap(Element& a, packed_reference b) { swap(b, a); }

 private:
  unsigned char* data_;
  std::size_t index_;
};

namespace detail {

template <class Type>
FEWBITS_INLINE constexpr Type referred(Type x) {
  return x;
}
template <class Element>
FEWBITS_INLINE constexpr Element referred(packed_reference<Element> x) {
  return x.value();
}

template <class Type>
inline constexpr bool refers_to_float = false;
template <class Element>
inline constexpr bool refers_to_float<packed_reference<Element>> = is_basic_float<Element>;

}  // namespace detail

// Arithmetic on the numbers referred to. Without these, that of `float` would be taken silently.
#define FEWBITS_OPERATOR(symbol)                                                            \
  template <class Left, class Right>                                                        \
    requires((detail::refers_to_float<Left> || detail::refers_to_float<Right>) &&           \
             requires(Left a, Right b) { detail::referred(a) symbol detail::referred(b); }) \
  [[nodiscard]] FEWBITS_INLINE constexpr auto operator symbol(Left a, Right b) {            \
    return detail::referred(a) symbol detail::referred(b);                                  \
  }
FEWBITS_OPERATOR(+)
FEWBITS_OPERATOR(-)
FEWBITS_OPERATOR(*)
FEWBITS_OPERATOR(/)
#undef FEWBITS_OPERATOR

template <class Element>
  requires is_basic_float<Element>
[[nodiscard]] FEWBITS_INLINE constexpr auto operator-(packed_reference<Element> x) {
  return -x.value();
}

/// A random-access iterator over packed elements. `Element` may be const: then it yields values.
template <class Element>
class packed_iterator {
  static constexpr bool is_const = std::is_const_v<Element>;
  using byte_type = std::conditional_t<is_const, const unsigned char, unsigned char>;

 public:
  using value_type = std::remove_const_t<Element>;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = std::conditional_t<is_const, value_type, packed_reference<value_type>>;
  using iterator_category = std::random_access_iterator_tag;

  FEWBITS_INLINE constexpr packed_iterator() = default;
  /// At element `index` of the memory at `data`.
  FEWBITS_INLINE constexpr packed_iterator(byte_type* data, std::size_t index)
      : data_(data), index_(index) {}
  template <class Other>
    requires std::is_same_v<const Other, Element>
  FEWBITS_INLINE constexpr packed_iterator(const packed_iterator<Other>& other)
      : data_(other.data()), index_(other.index()) {}

  [[nodiscard]] FEWBITS_INLINE constexpr byte_type* data() const { return data_; }
  [[nodiscard]] FEWBITS_INLINE constexpr std::size_t index() const { return index_; }

  [[nodiscard]] FEWBITS_INLINE constexpr reference operator*() const { return at(index_); }
  [[nodiscard]] FEWBITS_INLINE constexpr reference operator[](difference_type i) const {
    return at(index_ + static_cast<std::size_t>(i));
  }

  FEWBITS_INLINE constexpr packed_iterator& operator+=(difference_type i) {
    index_ += static_cast<std::size_t>(i);
    return *this;
  }
  FEWBITS_INLINE constexpr packed_iterator& operator-=(difference_type i) {
    index_ -= static_cast<std::size_t>(i);
    return *this;
  }
  FEWBITS_INLINE constexpr packed_iterator& operator++() { return *this += 1; }
  FEWBITS_INLINE constexpr packed_iterator& operator--() { return *this -= 1; }
  FEWBITS_INLINE constexpr packed_iterator operator++(int) {
    ++index_;
    return {data_, index_ - 1};
  }
  FEWBITS_INLINE constexpr packed_iterator operator--(int) {
    --index_;
    return {data_, index_ + 1};
  }

  FEWBITS_INLINE friend constexpr packed_iterator operator+(packed_iterator a, difference_type i) {
    return a += i;
  }
  FEWBITS_INLINE friend constexpr packed_iterator operator+(difference_type i, packed_iterator a) {
    return a += i;
  }
  FEWBITS_INLINE friend constexpr packed_iterator operator-(packed_iterator a, difference_type i) {
    return a -= i;
  }
  FEWBITS_INLINE friend constexpr difference_type operator-(packed_iterator a, packed_iterator b) {
    return static_cast<difference_type>(a.index_ - b.index_);
  }
  // As for any iterators, both are into the same range: the same `data`.
  FEWBITS_INLINE friend constexpr bool operator==(packed_iterator a, packed_iterator b) {
    return a.index_ == b.index_;
  }
  FEWBITS_INLINE friend constexpr auto operator<=>(packed_iterator a, packed_iterator b) {
    return a.index_ <=> b.index_;
  }

 private:
  FEWBITS_INLINE constexpr reference at(std::size_t index) const {
    if constexpr (is_const) {
      return detail::read_packed<value_type>(data_, index);
    } else {
      return reference(data_, index);
    }
  }

  byte_type* data_ = nullptr;
  std::size_t index_ = 0;
};

}  // namespace FEWBITS_ABI
}  // namespace fewbits
