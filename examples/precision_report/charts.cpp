// SPDX-License-Identifier: MIT
#include "charts.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <vector>

#include "svg.hpp"

namespace demo {
namespace {

constexpr double page_width = 960;

/// A place on an axis from `from` at `low` to `to` at `high`.
struct axis {
  double from, to, low, high;

  [[nodiscard]] double operator()(double value) const {
    return low + (value - from) / (to - from) * (high - low);
  }
};

bool starts_with(const std::string& name, const char* prefix) { return name.rfind(prefix, 0) == 0; }

/// The class of the colour of a format: floats, integers, or blocks and codebooks.
const char* family_of(const std::string& name) {
  if (starts_with(name, "INT")) return "ints";
  if (starts_with(name, "MX") || starts_with(name, "NV") || starts_with(name, "NF"))
    return "blocks";
  return "floats";
}

}  // namespace

std::string error_chart(const report& all) {
  using histogram = error_histogram;
  constexpr double row_height = 36;
  constexpr double top = 8;
  std::vector<const format_row*> rows;
  double tallest = 1e-9;
  for (const format_row& row : all.formats) {
    if (row.errors.exact > 0.9999) continue;
    rows.push_back(&row);
    tallest = std::max(tallest, *std::max_element(row.errors.share, std::end(row.errors.share)));
  }
  const double bottom = top + row_height * static_cast<double>(rows.size());
  constexpr double octave = 0.30103;  // of a decade
  const axis x{histogram::lowest * octave, (histogram::lowest + histogram::bins) * octave, 130,
               830};
  svg picture(page_width, bottom + 48,
              "Histograms of the errors of the stored weights, one row a format");
  for (int decade = -7; decade <= 1; ++decade) {
    picture.line(x(decade), top, x(decade), bottom, "grid");
    picture.label(x(decade), bottom + 18, power(10, decade), "t muted", anchor::middle);
  }
  picture.label((x.low + x.high) / 2, bottom + 40,
                "|error| ÷ root mean square of the weights (logarithmic)", "t muted",
                anchor::middle);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const format_row& row = *rows[i];
    const double base = top + row_height * static_cast<double>(i + 1);
    picture.line(x.low, base, x.high, base, "rule");
    picture.label(122, base - 17, row.name, "t strong", anchor::end);
    picture.label(122, base - 4, std::strcmp(row.scale, "none") == 0 ? "no scale" : row.scale,
                  "t small muted", anchor::end);
    for (int bin = 0; bin < histogram::bins; ++bin) {
      const double share = row.errors.share[bin];
      if (share == 0) continue;
      const double left = x((histogram::lowest + bin) * octave);
      const double height = (row_height - 5) * share / tallest;
      picture.rect(left + 0.5, base - height, x(octave) - x(0) - 1, height, family_of(row.name),
                   text("%.1f%% of the weights", 100 * share));
    }
    const double noise = std::clamp(x(-row.sqnr / 20), x.low, x.high);
    picture.line(noise, base - row_height + 6, noise, base, "marker");
    picture.label(840, base - 17, row.sqnr_text() + (std::isinf(row.sqnr) ? "" : " dB"),
                  "t strong");
    if (row.errors.exact >= 0.0005)
      picture.label(840, base - 4, text("%.1f%% without error", 100 * row.errors.exact),
                    "t small muted");
  }
  return picture.str();
}

std::string number_line_chart(const report& all) {
  constexpr double row_height = 34;
  constexpr double histogram_height = 72;
  const double top = histogram_height + 16;
  const double bottom = top + row_height * static_cast<double>(all.lines.size());
  const axis x{-1, 1, 100, 860};
  svg picture(page_width, bottom + 48,
              "The numbers of narrow formats between minus and plus their largest, under a "
              "histogram of the weights");
  const double tallest = std::max(1e-9, *std::max_element(std::begin(all.weight_shares.share),
                                                          std::end(all.weight_shares.share)));
  constexpr int bins = weight_histogram::bins;
  for (int i = 0; i < bins; ++i) {
    const double height = histogram_height * all.weight_shares.share[i] / tallest;
    const double center = x(-1 + 2.0 * i / (bins - 1));
    const double width = (x.high - x.low) / (bins - 1);
    picture.rect(center - width / 2 + 0.5, top - 6 - height, width - 1, height, "ghost",
                 text("%.1f%% of the weights", 100 * all.weight_shares.share[i]));
  }
  picture.label(92, top - 12, "the weights", "t muted", anchor::end);
  for (int tick = -4; tick <= 4; ++tick) {
    picture.line(x(tick / 4.0), top - 6, x(tick / 4.0), bottom, "grid");
    picture.label(x(tick / 4.0), bottom + 18,
                  (tick < 0 ? "−" : "") + text("%g", std::abs(tick) / 4.0), "t muted",
                  anchor::middle);
  }
  picture.label(x(0), bottom + 40, "value ÷ largest value", "t muted", anchor::middle);
  for (std::size_t i = 0; i < all.lines.size(); ++i) {
    const number_line& line = all.lines[i];
    const double middle = top + row_height * (static_cast<double>(i) + 0.5);
    picture.line(x.low, middle, x.high, middle, "rule");
    picture.label(92, middle + 4, line.name, "t strong", anchor::end);
    picture.label(868, middle + 4, text("%zu values", line.values.size()), "t small muted");
    for (const double value : line.values) {
      const double height = line.values.size() > 64 ? 8 : 11;
      picture.rect(x(value) - 0.6, middle - height, 1.2, 2 * height, family_of(line.name));
    }
  }
  return picture.str();
}

std::string range_chart(const report& all) {
  constexpr double row_height = 26;
  constexpr double top = 8;
  const double bottom = top + row_height * static_cast<double>(all.ranges.size());
  const axis x{-160, 136, 100, 800};
  svg picture(page_width, bottom + 48, "How far the formats reach");
  for (int exponent = -160; exponent <= 128; exponent += 32) {
    picture.line(x(exponent), top, x(exponent), bottom, exponent == 0 ? "rule" : "grid");
    picture.label(x(exponent), bottom + 18, power(2, exponent), "t muted", anchor::middle);
  }
  picture.label(x(-12), bottom + 40, "magnitude (logarithmic)", "t muted", anchor::middle);
  for (std::size_t i = 0; i < all.ranges.size(); ++i) {
    const range_line& line = all.ranges[i];
    const double middle = top + row_height * (static_cast<double>(i) + 0.5);
    const double normal = x(line.smallest_normal);
    const double end = x(line.largest + 1);
    picture.label(92, middle + 4, line.name, "t strong", anchor::end);
    picture.rect(x(line.smallest), middle - 7, normal - x(line.smallest), 14, "floats faint",
                 "subnormal");
    picture.rect(normal, middle - 7, end - normal, 14, "floats",
                 power(2, line.smallest_normal) + " to below " + power(2, line.largest + 1));
    picture.label(
        812, middle + 4,
        text("%d bit%s of mantissa", line.mantissa_bits, line.mantissa_bits == 1 ? "" : "s"),
        "t small muted");
  }
  return picture.str();
}

namespace {

struct box {
  double left, top, right, bottom;

  [[nodiscard]] bool overlaps(const box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

/// Puts names beside points where they cover nothing that is there already.
class label_placer {
 public:
  void occupy(const box& area) { taken_.push_back(area); }

  void place(svg& picture, double x, double y, const std::string& name, const box& inside) {
    const double width = 8.7 * static_cast<double>(name.size());
    constexpr double half = 7;
    for (const double away : {0.0, 16.0, 30.0, 44.0, 58.0, 72.0, 86.0})
      for (const double direction : {-1.0, 1.0})
        for (const anchor side : {anchor::start, anchor::end, anchor::middle}) {
          const double start = side == anchor::start ? x + 9 : side == anchor::middle ? x : x - 9;
          const double left = side == anchor::start    ? start
                              : side == anchor::middle ? start - width / 2
                                                       : start - width;
          const double middle = y + direction * away;
          const box area{left, middle - half, left + width, middle + half};
          const bool is_inside = area.left >= inside.left && area.right <= inside.right &&
                                 area.top >= inside.top && area.bottom <= inside.bottom;
          if (!is_inside || std::any_of(taken_.begin(), taken_.end(),
                                        [&](const box& other) { return area.overlaps(other); }))
            continue;
          if (away > 16 || (away > 0 && side != anchor::middle))
            picture.line(x, y, start, middle - direction * half, "leader");
          picture.label(start, middle + 4, name, "t strong halo", side);
          occupy(area);
          return;
        }
  }

 private:
  std::vector<box> taken_;
};

/// Where errors are on the axis. That of FP64 is far to the left, so the axis is broken before it.
double place_of_error(const axis& x, double error) {
  return std::max(x(std::log10(error)), x.low - 30);
}

void draw_ladder_axes(svg& picture, const char* title, const axis& x, const axis& y) {
  picture.label(x.low - 40, y.high - 16, title, "t strong");
  for (int exponent = static_cast<int>(x.from); exponent <= static_cast<int>(x.to); ++exponent) {
    picture.line(x(exponent), y.high, x(exponent), y.low, "grid");
    picture.label(x(exponent), y.low + 18, power(10, exponent), "t muted", anchor::middle);
  }
  for (int doublings = static_cast<int>(std::ceil(y.from)); doublings <= y.to; ++doublings) {
    picture.line(x.low - 40, y(doublings), x.high, y(doublings), "grid");
    picture.label(x.low - 48, y(doublings) + 4,
                  doublings < 0 ? text("1/%d×", 1 << -doublings) : text("%d×", 1 << doublings),
                  "t muted", anchor::end);
  }
  for (const double side : {-3.0, 3.0})
    picture.line(x.low - 12 + side - 3, y.low + 6, x.low - 12 + side + 3, y.low - 6, "rule");
  picture.label((x.low + x.high) / 2, y.low + 40, "relative error of the product (logarithmic)",
                "t muted", anchor::middle);
}

/// Speed over FP64 against the error, for one column of the table.
void draw_ladder(svg& picture, const report& all, double speed_row::* column, const axis& x,
                 const axis& y) {
  struct point {
    const speed_row* row;
    double x, y, promised;

    [[nodiscard]] const char* name() const { return row->name; }
  };
  std::vector<point> points;
  label_placer labels;
  for (const speed_row& row : all.speeds) {
    if (row.*column <= 0) continue;
    const int stored_bits = row.bits == 19 ? 32 : row.bits;
    const point at{&row, place_of_error(x, row.error),
                   y(std::log2(row.*column / (all.speeds[0].*column))),
                   y(std::log2(64.0 / stored_bits))};
    labels.occupy({at.x - 6, at.y - 6, at.x + 6, at.y + 6});
    labels.occupy({at.x - 6, at.promised - 6, at.x + 6, at.promised + 6});
    picture.diamond(at.x, at.promised, 5, "hollow");
    points.push_back(at);
  }
  // From the right, where the points are dense and there is room.
  std::sort(points.begin(), points.end(), [](const point& a, const point& b) { return a.x > b.x; });
  for (const point& at : points)
    labels.place(picture, at.x, at.y, at.name(), {x.low - 46, y.high, x.high + 58, y.low});
  for (const point& at : points)
    picture.circle(at.x, at.y, 5, family_of(at.name()),
                   text("%s: %.3g GOP/s, error %.1e", at.name(), at.row->*column, at.row->error));
}

}  // namespace

std::string ladder_chart(const report& all) {
  double most = 4;
  double least = 0;
  for (const speed_row& row : all.speeds)
    for (double speed_row::* const column : {&speed_row::gemm, &speed_row::one_row})
      if (row.*column > 0) {
        most = std::max(most, std::log2(row.*column / (all.speeds[0].*column)));
        least = std::min(least, std::log2(row.*column / (all.speeds[0].*column)));
      }
  constexpr double bottom = 360;
  const axis y{std::floor(least) - 0.5, std::ceil(most) + 0.3, bottom, 34};
  svg picture(page_width, bottom + 50, "Speed over that of FP64 against the error of the product");
  const axis left{-7, 0, 100, 440};
  const axis right{-7, 0, 570, 900};
  draw_ladder_axes(picture, "Square product: speed over FP64", left, y);
  draw_ladder(picture, all, &speed_row::gemm, left, y);
  draw_ladder_axes(picture, "One row times a matrix: speed over FP64", right, y);
  draw_ladder(picture, all, &speed_row::one_row, right, y);
  return picture.str();
}

std::string memory_chart(const report& all) {
  constexpr double row_height = 24;
  constexpr double top = 46;
  const std::vector<plan_row>& rows = all.plan.rows;
  const double bottom = top + row_height * static_cast<double>(rows.size());
  svg picture(page_width, bottom + 48, "Memory of the weights of three models in each format");
  for (std::size_t i = 0; i < rows.size(); ++i)
    picture.label(104, top + row_height * (static_cast<double>(i) + 0.5) + 4, rows[i].name,
                  "t strong", anchor::end);
  for (std::size_t m = 0; m < model_count; ++m) {
    const double left = 112 + 284 * static_cast<double>(m);
    const double most = static_cast<double>(rows[0].weights[m]) / 1e9;
    const axis x{0, most, left, left + 212};
    picture.label(left, 16,
                  text("%.0f billion parameters", static_cast<double>(model_sizes[m]) / 1e9),
                  "t strong");
    const double step = m == 0 ? 20 : m == 1 ? 100 : 200;
    for (double tick = 0; tick <= most; tick += step) {
      picture.line(x(tick), top, x(tick), bottom, "grid");
      picture.label(x(tick), bottom + 18, text("%g", tick), "t muted", anchor::middle);
    }
    picture.label(left + 106, bottom + 40, "GB of weights", "t muted", anchor::middle);
    for (const double card : {24.0, 80.0}) {
      if (card > most || (card == 24.0 && m > 0)) continue;
      picture.line(x(card), top - 6, x(card), bottom, "marker dashed");
      picture.label(x(card), top - 10, text("%g GB card", card), "t small accent", anchor::middle);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double middle = top + row_height * (static_cast<double>(i) + 0.5);
      const double size = static_cast<double>(rows[i].weights[m]) / 1e9;
      picture.rect(left, middle - 7, x(size) - left, 14, family_of(rows[i].name));
      picture.label(x(size) + 5, middle + 4, text(size < 100 ? "%.1f" : "%.0f", size),
                    "t small halo");
    }
  }
  return picture.str();
}

}  // namespace demo
