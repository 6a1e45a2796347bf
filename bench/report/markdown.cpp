// SPDX-License-Identifier: MIT
#include <algorithm>

#include "../../examples/precision_report/svg.hpp"
#include "report.hpp"

namespace bench {
namespace {

using demo::text;

/// Counters in the order in which they are read best; others come behind.
constexpr const char* first_columns[] = {"bytes",    "GOP/s",     "GB/s",     "Mop/s",
                                         "step",     "of_peak",   "of_read",  "of_bare",
                                         "of_limit", "row GOP/s", "row step", "row GB/s"};

bool starts_with(const std::string& whole, const char* part) { return whole.rfind(part, 0) == 0; }

/// Of a counter: known ones, others, peers.
int place(const std::string& key) {
  const auto known = std::find(std::begin(first_columns), std::end(first_columns), key);
  return static_cast<int>(known - std::begin(first_columns)) + (starts_with(key, "vs_") ? 1 : 0);
}

std::vector<std::string> columns(const measurements& all, const std::string& group) {
  std::vector<std::string> found;
  for (const measurement& row : all.rows)
    if (row.group == group)
      for (const auto& [key, value] : row.counters)
        if (key != "vs_best" && std::find(found.begin(), found.end(), key) == found.end())
          found.push_back(key);
  std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
    return place(a) != place(b) ? place(a) < place(b) : a < b;
  });
  return found;
}

std::string title(const std::string& key) {
  if (starts_with(key, "vs_")) return key.substr(3);
  if (starts_with(key, "of_")) return "of " + key.substr(3);
  return key;
}

std::string cell(const std::string& key, double value) {
  if (value < 0) return "";
  if (key == "error") return text("%.1e", value);
  if (key == "of_peak" || key == "of_read") return text("%.0f%%", value);
  if (starts_with(key, "of_")) return text("%.0f%%", 100 * value);
  if (starts_with(key, "vs_") || key.find("step") != std::string::npos) return text("%.2f", value);
  return value < 10 ? text("%.2g", value) : text("%.0f", value);
}

std::string table(const measurements& all, const std::string& group) {
  const std::vector<std::string> keys = columns(all, group);
  std::string head = "| " + group + " |";
  std::string rule = "| --- |";
  for (const std::string& key : keys) {
    head += text(" %s |", title(key).c_str());
    rule += " --- |";
  }
  std::string rows;
  for (const measurement& row : all.rows) {
    if (row.group != group) continue;
    rows += "| " + row.name + " |";
    for (const std::string& key : keys) {
      const std::string content = cell(key, row[key]);
      rows += content.empty() ? " |" : text(" %s |", content.c_str());
    }
    rows += "\n";
  }
  return head + "\n" + rule + "\n" + rows;
}

std::string value_of(const measurements& all, const std::string& key) {
  for (const auto& [name, value] : all.context)
    if (name == key) return value;
  return "";
}

}  // namespace

std::string markdown(const measurements& all) {
  std::string machine = value_of(all, "cpu");
  if (!value_of(all, "compiler").empty()) machine += ", " + value_of(all, "compiler");
  std::string rivals;
  for (const std::string& group : all.groups())
    for (const std::string& peer : peers(all, group)) {
      const std::string version = value_of(all, peer);
      if (!version.empty() && rivals.find(peer + " ") == std::string::npos)
        rivals += (rivals.empty() ? "" : "; ") + peer + " " + version;
    }
  std::string result = "Measured on " + machine +
                       ", one thread, medians of interleaved rounds. Under the name of a peer: the "
                       "speed of fewbits over its speed.\n";
  if (!rivals.empty()) result += "Peers: " + rivals + ".\n";
  for (const std::string& group : all.groups()) {
    result += "\n";
    result += table(all, group);
  }
  return result;
}

}  // namespace bench
