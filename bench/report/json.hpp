// SPDX-License-Identifier: MIT
// Reads the JSON that Google Benchmark writes.
#pragma once

#include <string>
#include <vector>

namespace bench {

/// A value of JSON; what does not apply to its kind is empty.
struct json {
  enum { null, boolean, number_value, string_value, array, object } kind = null;
  double number = 0;
  std::string string;
  std::vector<json> values;        ///< of an array or object
  std::vector<std::string> names;  ///< of an object's values

  /// The value of that name, or null.
  [[nodiscard]] const json& operator[](const char* name) const;
};

/// The value that `text` is. Throws std::runtime_error, saying where it is not JSON.
json parse_json(const std::string& text);

}  // namespace bench
