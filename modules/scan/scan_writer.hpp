// Writing 4D-STEM scans in parallel and in bounded memory, as files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/atomic_output.hpp"
#include "core/communicator.hpp"
#include "core/hdf5_file.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

enum class WriteFormat {
  empad,  // .raw with footers, and .xml of the same stem; 128 x 128 pixels only
  emd,    // EMD 1.0 as py4DSTEM reads it, one contiguous dataset
};

// The format that a file name asks for: .raw, or .h5, .hdf5 and .emd. Throws input_error for others. Pure.
[[nodiscard]] WriteFormat write_format_of(const std::filesystem::path& path);

// Every file that a scan of this name consists of (.raw and .xml, or the one HDF5 file). Pure.
[[nodiscard]] std::vector<std::filesystem::path> files_of_scan(const std::filesystem::path& path);

// What the file will take on disk. Pure.
[[nodiscard]] double scan_file_bytes(const ScanDescription& description, WriteFormat format);

class ScanWriter {
 public:
  virtual ~ScanWriter() = default;
  ScanWriter(const ScanWriter&) = delete;
  ScanWriter& operator=(const ScanWriter&) = delete;

  // Rows [first_row, first_row + row_count) of total_rows() laid out [row][scan x][ky][kx]; a rank that has none left
  // passes 0 rows and an empty span, so that all call equally often. Throws failure where the disk is full. Collective.
  virtual void write_rows(std::int64_t first_row, std::int64_t row_count, std::span<const float> patterns) = 0;

  // Completes the file(s) and gives them their names. `add_to_hdf5` writes more into an HDF5 scan before it is closed
  // (provenance); it is not called for EMPAD. Collective.
  virtual void commit(const std::function<void(Hdf5File&)>& add_to_hdf5) = 0;

 protected:
  ScanWriter() = default;
};

// Reserves the file(s) and writes what precedes the patterns. Of the description the shapes and the calibration count.
// Throws input_error (exists, no folder, shape that the format cannot hold; time series go into EMD only).
// `communicator` must outlive the writer. Collective.
[[nodiscard]] std::unique_ptr<ScanWriter> create_scan(const Communicator& communicator,
                                                      const std::filesystem::path& path,
                                                      const ScanDescription& description, IfExists if_exists);

}  // namespace mesoglass::scan
