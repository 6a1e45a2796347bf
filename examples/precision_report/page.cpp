// SPDX-License-Identifier: MIT
// The report as a page of HTML: one file, nothing loaded from elsewhere, light or dark as the reader's
// system is.
#include <algorithm>
#include <cstring>

#include "charts.hpp"
#include "svg.hpp"

namespace demo {
namespace {

constexpr const char* head = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fewbits: precision report</title>
<style>
:root { color-scheme: light dark; --paper: #fafaf8; --card: #ffffff; --ink: #1c2328; --muted: #5a666e;
  --line: #e1e5e8; --rule: #b9c2c8; --floats: #3b73b0; --ints: #1f7f70; --blocks: #b06a1d; --ghost: #c7ced3;
  --mark: #a8323e; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181b; --card: #1b2024; --ink: #e4e9ec;
  --muted: #9ba8b0; --line: #2b3237; --rule: #4a555c; --floats: #74a9e0; --ints: #58bba9; --blocks: #dd9f58;
  --ghost: #454f56; --mark: #ec8289; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 40px 20px 64px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
h2 { font-size: 21px; line-height: 1.3; margin: 52px 0 8px; }
p { max-width: 72ch; margin: 8px 0 16px; }
.lead, figcaption { color: var(--muted); }
figure { margin: 20px 0; padding: 20px; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; }
figcaption { font-size: 14px; margin: 12px 0 0; max-width: 88ch; }
.scroll { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 760px; height: auto; margin: 0 auto; font-family: inherit; }
.t { font-size: 12.5px; fill: var(--ink); }
.t.strong { font-weight: 600; }
.t.small { font-size: 11px; }
.t.muted { fill: var(--muted); }
.t.accent { fill: var(--mark); }
.t.halo { paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.grid { stroke: var(--line); }
.rule { stroke: var(--rule); }
.leader { stroke: var(--muted); stroke-width: 0.8; }
.marker { stroke: var(--mark); stroke-width: 1.5; }
.dashed { stroke-dasharray: 4 3; }
.floats { fill: var(--floats); }
.ints { fill: var(--ints); }
.blocks { fill: var(--blocks); }
.ghost { fill: var(--ghost); }
.faint { opacity: 0.45; }
.hollow { fill: none; stroke: var(--muted); stroke-width: 1.2; }
.key { display: flex; flex-wrap: wrap; gap: 6px 22px; font-size: 14px; color: var(--muted); margin: 0; padding: 0;
  list-style: none; }
.key i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 7px; }
.key .floats { background: var(--floats); }
.key .ints { background: var(--ints); }
.key .blocks { background: var(--blocks); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 6px 10px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--muted); vertical-align: bottom; }
th:first-child, td:first-child, .left { text-align: left; }
td:first-child { font-weight: 600; }
tbody tr:last-child td { border-bottom: 0; }
td small { color: var(--muted); font-size: 12.5px; display: inline-block; min-width: 3.6em; }
footer { margin-top: 48px; padding-top: 16px; border-top: 1px solid var(--line); font-size: 14px;
  color: var(--muted); overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
)";

constexpr const char* key = R"(<ul class="key">
<li><i class="floats"></i>floats</li>
<li><i class="ints"></i>integers</li>
<li><i class="blocks"></i>block formats and codebook</li>
</ul>
)";

std::string figure(const std::string& content, const std::string& caption) {
  return "<figure>\n<div class=\"scroll\">\n" + content + "</div>\n<figcaption>" + caption +
         "</figcaption>\n</figure>\n";
}

std::string cell(const std::string& content) { return "<td>" + content + "</td>"; }

std::string formats_table(const report& all) {
  std::string rows;
  for (const format_row& row : all.formats) {
    rows += "<tr>" + cell(row.name) + text("<td class=\"left\">%s</td>", row.scale) +
            cell(text("%.2f", row.bits_per_weight)) +
            cell(text("%llu", static_cast<unsigned long long>(row.bytes()))) +
            cell(row.sqnr_text()) + cell(text("%.2g", row.largest_error));
    if (row.predicted)
      rows +=
          cell(text("%.2f", row.predicted->accuracy)) + cell(text("%d", row.predicted->changed));
    rows += "</tr>\n";
  }
  return std::string(
             "<table>\n<thead><tr><th>Stored as</th><th class=\"left\">Scale</th>"
             "<th>Bits a weight</th><th>Bytes</th><th>SQNR, dB</th><th>Largest error</th>") +
         (all.has_network ? "<th>Right, %</th><th>Changed</th>" : "") + "</tr></thead>\n<tbody>\n" +
         rows + "</tbody>\n</table>\n";
}

std::string speed_table(const report& all) {
  std::string rows;
  for (const speed_row& row : all.speeds) {
    const auto above = std::find_if(all.speeds.begin(), all.speeds.end(), [&](const speed_row& it) {
      return std::strcmp(it.name, row.over) == 0;
    });
    rows += "<tr>" + cell(row.name) + text("<td class=\"left\">%s</td>", row.over);
    for (double speed_row::* const column :
         {&speed_row::encode, &speed_row::decode, &speed_row::gemm, &speed_row::one_row}) {
      const double speed = row.*column;
      std::string content = speed <= 0 ? "–" : text(speed < 100 ? "%.1f" : "%.0f", speed);
      if (speed > 0 && above != all.speeds.end() && (*above).*column > 0)
        content += text(" <small>%.2f×</small>", speed / ((*above).*column));
      rows += cell(content);
    }
    rows += text("<td class=\"left\">%s</td>", row.unit) +
            cell(row.error > 0 ? text("%.1e", row.error) : "–") + "</tr>\n";
  }
  return "<table>\n<thead><tr><th>Type</th><th class=\"left\">Over</th><th>From FP32, 10⁹/s</th>"
         "<th>To FP32, 10⁹/s</th><th>Square, GOP/s</th><th>One row, GOP/s</th><th "
         "class=\"left\">Computed in</th><th>Error</th>"
         "</tr></thead>\n<tbody>\n" +
         rows + "</tbody>\n</table>\n";
}

std::string plan_table(const report& all) {
  std::string head_row = "<th>Weights as</th><th>Bits a weight</th>";
  for (const std::uint64_t size : model_sizes)
    head_row += text("<th>%.0f B, GB</th><th>Cards</th>", static_cast<double>(size) / 1e9);
  std::string rows;
  for (const plan_row& row : all.plan.rows) {
    rows += "<tr>" + cell(row.name) + cell(text("%.2f", row.bits_per_weight));
    for (std::size_t i = 0; i < model_count; ++i)
      rows += cell(text("%.1f", static_cast<double>(row.weights[i]) / 1e9)) +
              cell(text("<small>%llu</small>", static_cast<unsigned long long>(row.cards[i])));
    rows += "</tr>\n";
  }
  return "<table>\n<thead><tr>" + head_row + "</tr></thead>\n<tbody>\n" + rows +
         "</tbody>\n</table>\n";
}

std::string quality_section(const report& all) {
  std::string result =
      text("<h2>1. What each format keeps</h2>\n<p>%zu weights, stored without gaps ", all.weights);
  result +=
      "and read back. Bits and bytes count the scales. SQNR is the energy of the weights over that "
      "of "
      "their errors: 6 dB are one bit of precision.";
  if (all.has_network)
    result +=
        " Then the network read digits it had not seen: “right” is the share it got, “changed” how "
        "many "
        "it read otherwise than with FP32 weights. One digit is 0.25 points, so read differences, "
        "not "
        "single points.";
  result +=
      "</p>\n<figure><div class=\"scroll\">\n" + formats_table(all) + "</div></figure>\n" + key;
  result += figure(
      error_chart(all),
      "Errors of the weights, over the root mean square of their matrix. A bar is a factor of two; "
      "all "
      "rows have one vertical scale. The red line is the root mean square of the errors, which is "
      "what SQNR tells. Each bit that is dropped moves a row to the right by one bar.");
  return result;
}

std::string numbers_section(const report& all) {
  return "<h2>2. Where the numbers are</h2>\n<p>Integers are evenly spaced, floats crowd around "
         "zero as "
         "weights do, and NF4 takes its sixteen values from the normal distribution. A scale puts "
         "the "
         "largest weight at ±1.</p>\n" +
         figure(number_line_chart(all),
                "Every number of the narrow formats, divided by the largest, under the weights of "
                "this "
                "model, likewise.") +
         figure(range_chart(all),
                "From the smallest to the largest magnitude; paler: subnormal numbers, which lose "
                "precision bit by bit. FP16 spends its bits on precision, BF16 on range. FP64 "
                "(2⁻¹⁰⁷⁴ to "
                "2¹⁰²⁴, 52 bits) is beyond this picture.");
}

std::string speed_section(const report& all) {
  return "<h2>3. What each format is worth in speed</h2>\n<p>" +
         text(
             "Quick looks on one thread of this machine, medians of a few runs: conversion of %zu "
             "numbers, a product of two %zu × %zu matrices, and a row times a %zu × %zu matrix. ",
             all.spent.numbers, all.spent.size, all.spent.size, all.spent.depth, all.spent.depth) +
         "Beside each speed is the step over the rung above; “computed in” is the arithmetic that "
         "the "
         "product runs in, the cheapest here that holds the type exactly.</p>\n" +
         figure(ladder_chart(all),
                "Up is faster, right is less exact. Circles are measured; diamonds show where a "
                "format "
                "would be if speed doubled whenever the bits halve, as on the lecture’s "
                "accelerator (34 "
                "TFLOP/s in FP64).") +
         "<figure><div class=\"scroll\">\n" + speed_table(all) + "</div></figure>\n";
}

std::string memory_section(const report& all) {
  const memory_plan& plan = all.plan;
  const auto gigabytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  return "<h2>4. What large models take</h2>\n<p>Weights with their scales; “cards” is how many of "
         "80 GB "
         "hold them beside " +
         text(
             "the keys and values of one sequence of %llu tokens in BF16 (%.1f, %.1f and %.1f "
             "GB). ",
             static_cast<unsigned long long>(plan.tokens), gigabytes(plan.cache[0]),
             gigabytes(plan.cache[1]), gigabytes(plan.cache[2])) +
         text(
             "To train them in mixed precision with Adam takes 16 bytes a parameter before any "
             "activation: %.0f, %.0f and %.0f GB.</p>\n",
             gigabytes(plan.training[0]), gigabytes(plan.training[1]),
             gigabytes(plan.training[2])) +
         figure(memory_chart(all),
                "Each panel has its own scale; the first row is FP64. GB are 10⁹ bytes. INT8 has "
                "an FP32 "
                "scale for each 8192 weights, INT4 and NF4 one for each 32 and 64.") +
         "<figure><div class=\"scroll\">\n" + plan_table(all) + "</div></figure>\n";
}

}  // namespace

std::string page(const report& all) {
  return std::string(head) + "<h1>Precision report</h1>\n<p class=\"lead\">" + escaped(all.source) +
         "</p>\n" + quality_section(all) + numbers_section(all) + speed_section(all) +
         memory_section(all) + "<footer>" + escaped(all.cpu) + ". Compiled for " +
         escaped(all.compiled_for) + ". Made by fewbits, examples/precision_report." +
         "</footer>\n</main>\n</body>\n</html>\n";
}

}  // namespace demo
