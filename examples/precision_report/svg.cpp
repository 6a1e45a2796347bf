// SPDX-License-Identifier: MIT
#include "svg.hpp"

#include <cstdarg>
#include <cstddef>
#include <cstdio>

namespace demo {

std::string text(const char* format, ...) {
  char buffer[1024];
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  return buffer;
}

std::string escaped(const std::string& plain) {
  std::string result;
  for (const char c : plain) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else if (c == '"') {
      result += "&quot;";
    } else {
      result += c;
    }
  }
  return result;
}

std::string power(int base, int exponent) {
  static constexpr const char* digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  if (exponent == 0) return "1";
  if (exponent == 1) return std::to_string(base);
  std::string result = std::to_string(base);
  for (const char c : std::to_string(exponent))
    result += c == '-' ? "⁻" : digits[static_cast<std::size_t>(c - '0')];
  return result;
}

svg::svg(double width, double height, const std::string& title, const std::string& css)
    : body_(text("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
                 "style=\"max-width:%gpx\" role=\"img\" aria-label=\"",
                 width, height, width) +
            escaped(title) + "\">\n") {
  if (!css.empty()) body_ += "<style>\n" + css + "</style>\n";
}

void svg::line(double x1, double y1, double x2, double y2, const char* style) {
  body_ += text("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1,
                x2, y2, style);
}

void svg::rect(double x, double y, double width, double height, const char* style,
               const std::string& hint) {
  body_ += text("<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" class=\"%s\"", x, y,
                width, height, style);
  end_mark("rect", hint);
}

void svg::circle(double x, double y, double radius, const char* style, const std::string& hint) {
  body_ += text("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"", x, y, radius, style);
  end_mark("circle", hint);
}

void svg::diamond(double x, double y, double radius, const char* style) {
  body_ += text("<path d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz\" class=\"%s\"/>\n",
                x - radius, y, radius, -radius, radius, radius, -radius, radius, style);
}

void svg::label(double x, double y, const std::string& plain, const char* style, anchor where) {
  const char* const side = where == anchor::start    ? "start"
                           : where == anchor::middle ? "middle"
                                                     : "end";
  body_ += text("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">", x, y, style, side);
  body_ += escaped(plain) + "</text>\n";
}

void svg::end_mark(const char* element, const std::string& hint) {
  if (hint.empty()) {
    body_ += "/>\n";
  } else {
    body_ += "><title>" + escaped(hint) + "</title></" + element + ">\n";
  }
}

}  // namespace demo
