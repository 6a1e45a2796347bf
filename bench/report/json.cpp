// SPDX-License-Identifier: MIT
#include "json.hpp"

#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <stdexcept>

namespace bench {
namespace {

class reader {
 public:
  explicit reader(const std::string& text) : text_(text) {}

  json document() {
    json result = value(0);
    skip_spaces();
    if (at_ != text_.size()) fail("nothing more");
    return result;
  }

 private:
  [[noreturn]] void fail(const char* wanted) const {
    throw std::runtime_error("no JSON: byte " + std::to_string(at_) + " is not " + wanted);
  }
  void skip_spaces() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    skip_spaces();
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  bool take_word(const char* word) {
    const std::string wanted = word;
    if (text_.compare(at_, wanted.size(), wanted) != 0) return false;
    at_ += wanted.size();
    return true;
  }

  json value(int depth) {
    if (depth > 64) fail("so deep");
    skip_spaces();
    json result;
    if (take('{') || take('[')) {
      members(result, text_[at_ - 1] == '{', depth);
    } else if (peek() == '"') {
      result.kind = json::string_value;
      result.string = string();
    } else if (take_word("true") || take_word("false")) {
      result.kind = json::boolean;
      result.number = text_[at_ - 2] == 'u' ? 1 : 0;
    } else if (!take_word("null")) {
      result.kind = json::number_value;
      result.number = number();
    }
    return result;
  }

  void members(json& to, bool is_object, int depth) {
    to.kind = is_object ? json::object : json::array;
    const char end = is_object ? '}' : ']';
    if (take(end)) return;
    do {
      if (is_object) {
        to.names.push_back(string());
        if (!take(':')) fail("a colon");
      }
      to.values.push_back(value(depth + 1));
    } while (take(','));
    if (!take(end)) fail(is_object ? "a comma or }" : "a comma or ]");
  }

  std::string string() {
    if (!take('"')) fail("a string");
    std::string result;
    while (peek() != '"') {
      if (at_ >= text_.size()) fail("the end of the string");
      char c = text_[at_++];
      if (c == '\\') {
        c = peek();
        ++at_;
        // Names and paths: others than these are not written.
        if (c == 'n') c = '\n';
        if (c == 't') c = '\t';
        if (c == 'u') fail("an escape that is known here");
      }
      result += c;
    }
    ++at_;
    return result;
  }

  /// Also what C prints for infinity and NaN, which Google Benchmark writes.
  double number() {
    char* end = nullptr;
    const double result = std::strtod(text_.c_str() + at_, &end);
    const auto length = static_cast<std::size_t>(end - (text_.c_str() + at_));
    if (length == 0) fail("a value");
    at_ += length;
    return result;
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace

const json& json::operator[](const char* name) const {
  static const json none;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return values[i];
  return none;
}

json parse_json(const std::string& text) { return reader(text).document(); }

}  // namespace bench
