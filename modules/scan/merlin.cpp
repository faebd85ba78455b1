// Merlin .mib files (Quantum Detectors): before each frame a text header "MQ1,000001,00384,01,0256,0256,U16,..." whose
// third field is its own length; then the counts, big endian, as they come from the detector (rows are not flipped).
// The scan shape is not in it: the .hdr beside it may say how many frames a trigger, that is a scan row, gave.
#include <charconv>
#include <system_error>

#include "scan/frame_file.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

namespace {

struct MerlinHeader {
  std::int64_t header_bytes = 0;
  std::int64_t nx = 0;
  std::int64_t ny = 0;
  ElementFormat element;
};

std::optional<std::int64_t> count_of(std::string text) {
  text.erase(0, text.find_first_not_of(' ') == std::string::npos ? text.size() : text.find_first_not_of(' '));
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc() || value < 1 || value > (std::int64_t{1} << 30)) return std::nullopt;
  return value;
}

MerlinHeader read_header(const Path& path) {
  const auto text = read_beginning(path, 256);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size() && fields.size() < 7;) {
    const auto comma = std::min(text.find(',', at), text.size());
    fields.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  MerlinHeader header;
  if (fields.size() == 7) {
    header.header_bytes = count_of(fields[2]).value_or(0);
    header.nx = count_of(fields[4]).value_or(0);
    header.ny = count_of(fields[5]).value_or(0);
    if (fields[6] == "R64") {
      throw input_error(
          "{} holds Merlin raw-mode frames (R64, bits as the chip sends them): export the file in a counting "
          "mode (U08, U16, U32)",
          path.string());
    }
    // "U16" is numpy's ">u2"; a one-bit counter is stored as whole bytes, U08.
    const auto bits = fields[6].size() == 3 && fields[6][0] == 'U' ? count_of(fields[6].substr(1)).value_or(0) : 0;
    if (const auto element = parse_element(fmt::format(">u{}", bits / 8)); element && bits % 8 == 0) {
      header.element = *element;
    }
  }
  if (header.header_bytes < 64 || header.nx < 1 || header.ny < 1 || header.element.type.bytes == 0) {
    throw input_error("{} has a damaged Merlin header ('{:.60}'): copy the file again", path.string(),
                      text.substr(0, std::min(text.find_first_of("\r\n"), std::size_t{60})));
  }
  return header;
}

// Frames of a scan row, from the .hdr beside the .mib.
std::optional<std::int64_t> frames_per_trigger(const Path& header_file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(header_file, error)) return std::nullopt;
  const auto text = read_beginning(header_file, 1 << 14);
  static const std::string key = "Frames per Trigger (Number):";
  const auto at = text.find(key);
  if (at == std::string::npos) return std::nullopt;
  const auto begin = text.find_first_of("0123456789", at + key.size());
  if (begin == std::string::npos) return std::nullopt;
  return count_of(text.substr(begin, 12));
}

}  // namespace

std::unique_ptr<ScanReader> open_merlin(const Path& path, const ReadOptions& options) {
  const std::int64_t bytes = checked_file_size(path);
  const auto header = read_header(path);
  ScanDescription description;
  description.format = "Merlin MIB";
  description.path = path;
  description.files = {path};
  description.pattern_ny = header.ny;
  description.pattern_nx = header.nx;
  description.scan_ny = description.scan_nx = 1;
  description.element_type = header.element.type;
  description.big_endian = true;
  finish_description(description, options);

  const std::int64_t frame = description.pixels() * header.element.type.bytes;
  const std::int64_t stride = header.header_bytes + frame;
  std::int64_t frames = bytes / stride;
  if (frames < 1 || bytes % stride != 0) {
    throw input_error(
        "{} has {} bytes, which is {} frames of {} bytes ({} header and {} x {} pixels of {} bytes) and {} "
        "bytes over: the file is cut short or damaged",
        path.string(), bytes, frames, stride, header.header_bytes, header.ny, header.nx, header.element.type.bytes,
        bytes % stride);
  }
  frames = split_time_frames(description, frames, options);
  description.scan_nx = frames;
  auto header_file = path;
  header_file.replace_extension(".hdr");
  if (options.scan_shape) {
    const auto [ny, nx] = *options.scan_shape;
    if (nx > frames || ny != frames / nx || ny * nx != frames) {
      throw input_error("--scan-shape {}x{} does not fit {} ({} frames a scan): give rows x columns with that product",
                        ny, nx, path.string(), frames);
    }
    description.scan_ny = ny;
    description.scan_nx = nx;
  } else if (const auto row = frames_per_trigger(header_file); row && *row > 1 && *row < frames && frames % *row == 0) {
    description.scan_nx = *row;
    description.scan_ny = frames / *row;
    description.files.push_back(header_file);
    description.remarks.push_back("scan rows from the frames per trigger of " + header_file.filename().string());
  } else if (frames > 1 && row && *row > 1 && *row != frames) {
    description.remarks.push_back(fmt::format(
        "{} says {} frames per trigger, which are no rows of a scan of {} frames: taken as a single row; fold it by "
        "--scan-shape",
        header_file.filename().string(), *row, frames));
  } else if (frames > 1) {
    description.remarks.push_back("nothing states the scan shape: taken as a single row; fold it by --scan-shape");
  }
  finish_description(description, options);
  return make_frame_reader(std::move(description), {header.header_bytes, stride, header.element});
}

}  // namespace mesoglass::scan
