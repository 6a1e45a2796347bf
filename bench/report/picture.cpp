// SPDX-License-Identifier: MIT
#include <algorithm>
#include <stdexcept>

#include "../../examples/precision_report/svg.hpp"
#include "report.hpp"

namespace bench {
namespace {

using demo::anchor;
using demo::text;

/// As an image in a README, a picture has no page to take colours from.
constexpr const char* css =
    R"(svg { font-family: system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
.paper { fill: #ffffff; } .t { font-size: 12.5px; fill: #1c2328; } .strong { font-weight: 600; }
.muted { fill: #5a666e; } .grid { stroke: #e1e5e8; } .bar { fill: #3b73b0; } .peer { stroke: #ffffff; }
.p0 { fill: #b06a1d; } .p1 { fill: #1f7f70; } .p2 { fill: #a8323e; } .p3 { fill: #6f4aa0; } .p4 { fill: #5a666e; }
@media (prefers-color-scheme: dark) { .paper { fill: #1b2024; } .t { fill: #e4e9ec; } .muted { fill: #9ba8b0; }
.grid { stroke: #2b3237; } .bar { fill: #4f86c0; } .peer { stroke: #1b2024; } .p0 { fill: #e6ab66; }
.p1 { fill: #62c9b5; } .p2 { fill: #f08c92; } .p3 { fill: #b79be6; } .p4 { fill: #b4c0c7; } }
)";

/// A peer's mark: circles in five colours, then diamonds.
void draw_mark(demo::svg& to, double x, double y, std::size_t peer, const std::string& hint = {}) {
  static constexpr const char* styles[] = {"peer p0", "peer p1", "peer p2", "peer p3", "peer p4"};
  const char* const style = styles[peer % 5];
  if (peer / 5 % 2 == 0) {
    to.circle(x, y, 4.5, style, hint);
  } else {
    to.diamond(x, y, 5.5, style);
  }
}

bool ends_with(const std::string& whole, const std::string& end) {
  return whole.size() >= end.size() &&
         whole.compare(whole.size() - end.size(), end.size(), end) == 0;
}

/// What is drawn of one group.
struct panel {
  std::string group;
  std::string unit;
  std::string end;  ///< of all names
  std::vector<std::string> peers;
  std::vector<const measurement*> rows;
  double most = 0;  ///< speed
};

panel select(const measurements& all, const std::string& group,
             const std::vector<std::string>& ends) {
  panel result{group, speed_unit(all, group), {}, {}, {}};
  if (result.unit.empty()) return result;
  for (const measurement& row : all.rows) {
    const auto end = std::find_if(ends.begin(), ends.end(), [&](const std::string& one) {
      return ends_with("/" + row.name, one);
    });
    if (row.group != group || end == ends.end() || row[result.unit] < 0) continue;
    if (result.rows.empty()) result.end = *end;
    if (result.end != *end) result.end.clear();
    result.rows.push_back(&row);
    result.most = std::max(result.most, row[result.unit]);
    for (const std::string& peer : peers(all, group)) {
      const double ratio = row["vs_" + peer];
      if (ratio <= 0) continue;
      result.most = std::max(result.most, row[result.unit] / ratio);
      if (std::find(result.peers.begin(), result.peers.end(), peer) == result.peers.end())
        result.peers.push_back(peer);
    }
  }
  return result;
}

/// A round number of about a fifth of `most`.
double tick_of(double most) {
  double tick = 1;
  while (tick * 50 < most) tick *= 10;
  if (tick * 10 < most) tick *= most / tick > 25 ? 5 : 2;
  return tick;
}

constexpr double width = 880;
constexpr double row_height = 30;
constexpr double head_height = 58;
constexpr double foot_height = 34;

double height_of(const panel& drawn) {
  return head_height + foot_height + row_height * static_cast<double>(drawn.rows.size());
}

std::string name_in(const panel& drawn, const measurement& row) {
  return row.name.substr(0, row.name.size() - std::min(row.name.size(), drawn.end.size()));
}

void draw(demo::svg& to, const panel& drawn, const std::vector<std::string>& all_peers,
          double top) {
  std::size_t longest = 0;
  for (const measurement* row : drawn.rows)
    longest = std::max(longest, name_in(drawn, *row).size());
  const double left = 84 + 7.4 * static_cast<double>(longest);
  constexpr double right = 840;
  const auto number_of = [&](const std::string& peer) {
    return static_cast<std::size_t>(std::find(all_peers.begin(), all_peers.end(), peer) -
                                    all_peers.begin());
  };
  const auto place = [&](double speed) { return left + (right - left) * speed / drawn.most; };
  to.label(16, top + 24, drawn.group + " …" + drawn.end + ", " + drawn.unit, "t strong");
  double x = 250;
  to.rect(x, top + 14, 11, 11, "bar");
  to.label(x + 17, top + 24, "fewbits", "t muted");
  x += 17 + 8 * 7.0 + 14;
  for (const std::string& peer : drawn.peers) {
    draw_mark(to, x + 5, top + 20, number_of(peer));
    to.label(x + 15, top + 24, peer, "t muted");
    x += 15 + 8 * static_cast<double>(peer.size()) + 14;
  }
  const double begin = top + head_height - 14;
  const double end = begin + row_height * static_cast<double>(drawn.rows.size());
  const double tick = tick_of(drawn.most);
  for (double speed = 0; speed <= drawn.most; speed += tick) {
    to.line(place(speed), begin, place(speed), end, "grid");
    to.label(place(speed), end + 18, text("%g", speed), "t muted", anchor::middle);
  }
  for (std::size_t i = 0; i < drawn.rows.size(); ++i) {
    const measurement& row = *drawn.rows[i];
    const double middle = begin + row_height * (static_cast<double>(i) + 0.5);
    const double speed = row[drawn.unit];
    to.label(left - 66, middle + 4, name_in(drawn, row), "t", anchor::end);
    to.label(left - 8, middle + 4, text(speed < 100 ? "%.1f" : "%.0f", speed), "t strong",
             anchor::end);
    to.rect(left, middle - 11, place(speed) - left, 22, "bar");
    // Peers of about one speed would cover each other: each has a line of its own.
    const double lines = static_cast<double>(drawn.peers.size());
    for (std::size_t p = 0; p < drawn.peers.size(); ++p) {
      const double ratio = row["vs_" + drawn.peers[p]];
      if (ratio <= 0) continue;
      const double line = middle + (static_cast<double>(p) - (lines - 1) / 2) * (18 / lines);
      draw_mark(to, place(speed / ratio), line, number_of(drawn.peers[p]),
                drawn.peers[p] + text(" %.1f", speed / ratio));
    }
  }
}

}  // namespace

std::string picture(const measurements& all, const std::vector<std::string>& ends) {
  std::vector<panel> panels;
  std::vector<std::string> all_peers;
  double height = 0;
  for (const std::string& group : all.groups()) {
    panel drawn = select(all, group, ends);
    if (drawn.rows.empty()) continue;
    height += height_of(drawn);
    for (const std::string& peer : drawn.peers)
      if (std::find(all_peers.begin(), all_peers.end(), peer) == all_peers.end())
        all_peers.push_back(peer);
    panels.push_back(std::move(drawn));
  }
  if (panels.empty()) throw std::runtime_error("no benchmark's name ends as --rows says");
  demo::svg result(width, height, "Speed of fewbits and of other libraries", css);
  result.rect(0, 0, width, height, "paper");
  double top = 0;
  for (const panel& drawn : panels) {
    draw(result, drawn, all_peers, top);
    top += height_of(drawn);
  }
  return result.str();
}

}  // namespace bench
