// 4D-STEM scans, whatever file they come from: one reader interface, opened by what the file says it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::scan {

// A calibration value and where it stands: "scan_x4_y4.xml, <calibrated_diffraction_angle>", "given by the user".
struct CalibrationValue {
  std::optional<double> value;
  std::string origin;  // empty where there is no value
};

// What is known of a scan before a pattern is read. Shapes count from the slow axis: scan (y, x), pattern (ky, kx).
struct ScanDescription {
  std::string format;                        // "EMPAD v1", "EMD 1.0", "fpd HDF5", ...
  std::filesystem::path path;                // the file that holds the patterns
  std::vector<std::filesystem::path> files;  // every file that was read, for the provenance (data first)
  std::string dataset;                       // path inside an HDF5 file, empty elsewhere

  std::int64_t time_frames = 1;  // more than 1 for a time series: so many scans of the same positions
  std::int64_t scan_ny = 0;
  std::int64_t scan_nx = 0;
  std::int64_t pattern_ny = 0;
  std::int64_t pattern_nx = 0;
  ElementType element_type;  // as stored; patterns are handed out as float
  bool big_endian = false;   // as stored
  bool compressed = false;

  // Blocks of rows that begin at a multiple of this read every HDF5 chunk once.
  std::int64_t row_alignment = 1;
  // Some patterns of a row can be read without the others: see ScanReader::read_part.
  bool parts_of_rows = false;

  // Found in the file, or given by the user, who wins; unset where neither says.
  CalibrationValue k_per_pixel_inverse_nm;
  CalibrationValue scan_step_nm;
  CalibrationValue voltage_v;
  CalibrationValue gain;              // detector units an electron
  CalibrationValue frame_interval_s;  // from one frame of a time series to the next

  // Things worth telling: "2 candidate scan shapes did not fit", "the file says pixels, no k calibration".
  std::vector<std::string> remarks;

  // Rows of all time frames: row t * scan_ny + y is scan row y of time frame t.
  [[nodiscard]] std::int64_t total_rows() const noexcept { return time_frames * scan_ny; }
  [[nodiscard]] std::int64_t total_patterns() const noexcept { return total_rows() * scan_nx; }
  [[nodiscard]] std::int64_t pixels() const noexcept { return pattern_ny * pattern_nx; }
  [[nodiscard]] std::int64_t values_per_row() const noexcept { return scan_nx * pixels(); }
};

// What the user says about a scan. Every value given here wins over the file's.
struct ReadOptions {
  std::optional<std::pair<std::int64_t, std::int64_t>> scan_shape;  // (ny, nx)
  std::optional<double> k_per_pixel_inverse_nm;
  std::optional<double> scan_step_nm;
  std::optional<double> voltage_v;
  std::optional<double> gain;
  std::optional<double> frame_interval_s;
  // Where a file has no time axis of its own: its patterns are so many scans, one after another.
  std::optional<std::int64_t> time_frames;
  std::string dataset;     // HDF5 path of the patterns, where a file holds several; empty = the one there is
  bool collective = true;  // several ranks read an HDF5 file together

  // Raw binary without a header of its own: all of it must be said.
  std::optional<std::pair<std::int64_t, std::int64_t>> pattern_shape;  // (ky, kx)
  std::string element;  // numpy's name: "<f4", ">u2", "u1"; empty = not raw
  std::int64_t header_bytes = 0;
  std::optional<std::int64_t> frame_stride_bytes;  // from one pattern to the next; default: without a gap
};

class ScanReader {
 public:
  virtual ~ScanReader() = default;
  ScanReader(const ScanReader&) = delete;
  ScanReader& operator=(const ScanReader&) = delete;

  [[nodiscard]] const ScanDescription& description() const noexcept { return description_; }

  // Rows [first_row, first_row + row_count) of total_rows(), all their patterns, converted to float, into
  // `patterns`, laid out [row][scan x][ky][kx], whose size is row_count * values_per_row(). Not collective: every rank
  // reads its own rows when it wants them. Throws input_error where the file ends early or cannot be decoded, so a
  // caller wraps its reading in collectively() or gathers its own errors.
  virtual void read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const = 0;

  // The patterns at some columns of one row, in the same way. Only where the description says parts_of_rows.
  virtual void read_part(std::int64_t row, Range columns, std::span<float> patterns) const;

  // The ranks that read together where the file is better read by all at once (HDF5 on more than one rank), null
  // elsewhere.
  [[nodiscard]] virtual const Communicator* together() const noexcept { return nullptr; }
  // Prepares that, where the format has it. open_scan does so; collective.
  virtual void open_together(const Communicator& communicator) { (void)communicator; }
  // read_rows by all of together()'s ranks at once, each its own rows, which may be none. An error of one reaches all.
  // Collective over together().
  virtual void read_rows_together(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const {
    read_rows(first_row, row_count, patterns);
  }

 protected:
  explicit ScanReader(ScanDescription description) : description_(std::move(description)) {}
  // Throws std::logic_error unless the rows are inside the scan and the span has the right size.
  void check_request(std::int64_t first_row, std::int64_t row_count, std::size_t values) const;
  ScanDescription description_;
};

// Opens a scan: the format is told by content first (HDF5 signature and tree, "\x93NUMPY", Merlin header) and by
// extension where the content has none (EMPAD .raw, or its .xml). Shapes, file size and calibration are checked here,
// no pattern is read. Throws input_error on every rank together: missing, empty, not a file, unknown format, sizes that
// do not fit. `communicator` must outlive the reader. Collective.
[[nodiscard]] std::unique_ptr<ScanReader> open_scan(const Communicator& communicator, const std::filesystem::path& path,
                                                    const ReadOptions& options = {});

}  // namespace mesoglass::scan
