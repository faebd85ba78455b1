// A time series seen as one scan: every pattern is the mean over the series' frames.
#pragma once

#include <functional>

#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

// Reads all frames of a row for each row asked, so that memory does not grow with the series. A pixel's mean is over
// the frames in which it is finite; NaN where it never is. The gain is the series' over the number of frames, since
// that is what an electron leaves in the mean.
class TimeAverage : public ScanReader {
 public:
  // `series` must outlive the average.
  explicit TimeAverage(const ScanReader& series);
  void read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override;
  void read_part(std::int64_t row, Range columns, std::span<float> patterns) const override;
  [[nodiscard]] const Communicator* together() const noexcept override { return series_.together(); }
  void read_rows_together(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override;

 private:
  // `read` fills its argument with one frame's patterns.
  void average(std::span<float> patterns, const std::function<void(std::int64_t frame, std::span<float>)>& read) const;
  const ScanReader& series_;
};

}  // namespace mesoglass::scan
