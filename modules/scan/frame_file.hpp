// Flat binary files of equal frames (EMPAD, Merlin, npy, raw): every pattern at a fixed distance from the last.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "scan/element_format.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

struct FrameLayout {
  std::int64_t first_frame_byte = 0;  // where the numbers of the first pattern begin
  std::int64_t frame_stride_bytes = 0;
  ElementFormat element;
};

// Opens the file on this rank for reading by read_rows. The layout must have been checked against the file's size.
// Throws input_error. Not collective.
[[nodiscard]] std::unique_ptr<ScanReader> make_frame_reader(ScanDescription description, const FrameLayout& layout);

// Size of a regular file in bytes; input_error where it is missing, a folder, something else, empty or not readable.
// Not collective.
[[nodiscard]] std::int64_t checked_file_size(const std::filesystem::path& path);

// The first `count` bytes of a file, fewer where it is shorter. Throws input_error. Not collective.
[[nodiscard]] std::string read_beginning(const std::filesystem::path& path, std::size_t count);

}  // namespace mesoglass::scan
