// SPDX-License-Identifier: MIT
#include <algorithm>

#include "report.hpp"

namespace bench {
namespace {

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

/// Of Google Benchmark's own numbers; all other numbers of a benchmark are counters.
bool is_standard(const std::string& key) {
  static const std::vector<std::string> standard{
      "family_index", "per_family_instance_index",
      "repetitions",  "repetition_index",
      "threads",      "iterations",
      "real_time",    "cpu_time",
  };
  return contains(standard, key);
}

}  // namespace

double measurement::operator[](const std::string& counter) const {
  for (const auto& [key, value] : counters)
    if (key == counter) return value;
  return -1;
}

std::vector<std::string> measurements::groups() const {
  std::vector<std::string> result;
  for (const measurement& row : rows)
    if (!contains(result, row.group)) result.push_back(row.group);
  return result;
}

void add(measurements& to, const json& file) {
  const json& context = file["context"];
  for (std::size_t i = 0; i < context.names.size(); ++i) {
    const std::string& key = context.names[i];
    const bool is_known = std::any_of(to.context.begin(), to.context.end(),
                                      [&](const auto& entry) { return entry.first == key; });
    if (context.values[i].kind == json::string_value && !is_known)
      to.context.emplace_back(key, context.values[i].string);
  }
  for (const json& run : file["benchmarks"].values) {
    if (run["error_occurred"].number != 0) continue;
    const std::string& name = run["name"].string;
    const std::size_t slash = std::min(name.find('/'), name.size());
    measurement row{
        name.substr(0, slash), slash < name.size() ? name.substr(slash + 1) : std::string(), {}};
    for (std::size_t i = 0; i < run.names.size(); ++i)
      if (run.values[i].kind == json::number_value && !is_standard(run.names[i]))
        row.counters.emplace_back(run.names[i], run.values[i].number);
    to.rows.push_back(std::move(row));
  }
}

std::string speed_unit(const measurements& all, const std::string& group) {
  for (const measurement& row : all.rows)
    if (row.group == group)
      for (const char* const unit : {"GOP/s", "GB/s"})
        if (row[unit] >= 0) return unit;
  return "";
}

std::vector<std::string> peers(const measurements& all, const std::string& group) {
  std::vector<std::string> result;
  for (const measurement& row : all.rows)
    if (row.group == group)
      for (const auto& [key, value] : row.counters)
        if (key.rfind("vs_", 0) == 0 && key != "vs_best" && !contains(result, key.substr(3)))
          result.push_back(key.substr(3));
  return result;
}

}  // namespace bench
