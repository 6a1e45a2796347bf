// SPDX-License-Identifier: MIT
// The tables and the picture for the README, from the JSON of Google Benchmark.
//
//   bench_report_writer [--rows=END[,END...]] OUT.md OUT.svg IN.json...
//
// Each part of the names before the first slash becomes a table: speed, share of the limit, and speed
// over that of each peer. The picture shows the rows whose names end as given.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "json.hpp"
#include "report.hpp"

namespace {

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string("cannot open ") + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const char* path, const std::string& text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error(std::string("cannot write ") + path);
  std::printf("%s\n", path);
}

std::vector<std::string> parts(const std::string& list) {
  std::vector<std::string> result;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (end != begin) result.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> ends{"/1024", "/256KiB"};
  std::vector<const char*> paths;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--rows=", 7) == 0) {
      ends = parts(argv[i] + 7);
    } else {
      paths.push_back(argv[i]);
    }
  }
  if (paths.size() < 3) {
    std::fprintf(stderr,
                 "usage: bench_report_writer [--rows=END[,END...]] OUT.md OUT.svg IN.json...\n");
    return 2;
  }
  try {
    bench::measurements all;
    for (std::size_t i = 2; i < paths.size(); ++i) {
      const std::string text = read(paths[i]);
      if (!text.empty()) bench::add(all, bench::parse_json(text));  // empty: nothing was selected
    }
    write(paths[0], bench::markdown(all));
    write(paths[1], bench::picture(all, ends));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_report_writer: %s\n", error.what());
    return 2;
  }
}
