#include "scan/time_average.hpp"

#include <cmath>
#include <limits>

namespace mesoglass::scan {

namespace {

ScanDescription one_scan(ScanDescription series) {
  series.gain.value = series.gain.value.value_or(1.0) / static_cast<double>(series.time_frames);
  series.time_frames = 1;
  return series;
}

}  // namespace

TimeAverage::TimeAverage(const ScanReader& series) : ScanReader(one_scan(series.description())), series_(series) {}

void TimeAverage::average(std::span<float> patterns,
                          const std::function<void(std::int64_t, std::span<float>)>& read) const {
  std::vector<double> sums(patterns.size(), 0.0);
  std::vector<std::int32_t> counts(patterns.size(), 0);
  const std::int64_t frames = series_.description().time_frames;
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    read(frame, patterns);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      const bool finite = std::isfinite(patterns[i]);
      sums[i] += finite ? static_cast<double>(patterns[i]) : 0.0;
      counts[i] += finite ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    patterns[i] = counts[i] > 0 ? static_cast<float>(sums[i] / counts[i]) : std::numeric_limits<float>::quiet_NaN();
  }
}

void TimeAverage::read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const {
  check_request(first_row, row_count, patterns.size());
  average(patterns, [&](std::int64_t frame, std::span<float> values) {
    series_.read_rows(frame * description_.scan_ny + first_row, row_count, values);
  });
}

void TimeAverage::read_part(std::int64_t row, Range columns, std::span<float> patterns) const {
  average(patterns, [&](std::int64_t frame, std::span<float> values) {
    series_.read_part(frame * description_.scan_ny + row, columns, values);
  });
}

void TimeAverage::read_rows_together(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const {
  average(patterns, [&](std::int64_t frame, std::span<float> values) {
    series_.read_rows_together(frame * description_.scan_ny + first_row, row_count, values);
  });
}

}  // namespace mesoglass::scan
