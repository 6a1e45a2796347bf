// SPDX-License-Identifier: MIT
// A picture in SVG, built mark by mark. Colours are classes, which the page defines for light and dark.
#pragma once

#include <string>

namespace demo {

/// As printf.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);
/// What HTML and SVG show as `plain`.
std::string escaped(const std::string& plain);
/// "10⁻³" for (10, -3).
std::string power(int base, int exponent);

enum class anchor { start, middle, end };

class svg {
 public:
  /// `title` is read out instead of the picture. `css` is for a picture that no page gives colours.
  svg(double width, double height, const std::string& title, const std::string& css = {});

  void line(double x1, double y1, double x2, double y2, const char* style);
  /// `hint` is shown by the mouse.
  void rect(double x, double y, double width, double height, const char* style,
            const std::string& hint = {});
  void circle(double x, double y, double radius, const char* style, const std::string& hint = {});
  /// A square on its corner.
  void diamond(double x, double y, double radius, const char* style);
  void label(double x, double y, const std::string& plain, const char* style = "t",
             anchor where = anchor::start);
  /// The finished picture.
  [[nodiscard]] std::string str() const { return body_ + "</svg>\n"; }

 private:
  void end_mark(const char* element, const std::string& hint);

  std::string body_;
};

}  // namespace demo
