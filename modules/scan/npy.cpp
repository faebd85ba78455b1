// numpy .npy files (format versions 1 to 3): a Python dictionary literal, then the array.
#include <charconv>
#include <regex>

#include "scan/frame_file.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

namespace {

struct NpyHeader {
  ElementFormat element;
  std::vector<std::int64_t> shape;
  std::int64_t data_begin = 0;
};

[[noreturn]] void damaged(const Path& path, const std::string& why) {
  throw input_error("{} has a damaged .npy header ({}): save it again with numpy.save", path.string(), why);
}

NpyHeader read_header(const Path& path) {
  // numpy itself refuses longer headers.
  constexpr std::size_t most_header_bytes = 10000;
  const auto text = read_beginning(path, most_header_bytes);
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(text[i])); };
  if (text.size() < 12) damaged(path, "the file ends inside it");
  const bool short_length = byte(6) == 1;
  if (byte(6) < 1 || byte(6) > 3) damaged(path, fmt::format("format version {}", byte(6)));
  const std::size_t begin = short_length ? 10 : 12;
  const std::size_t length =
      short_length ? byte(8) | byte(9) << 8 : byte(8) | byte(9) << 8 | byte(10) << 16 | byte(11) << 24;
  if (length > text.size() - begin) damaged(path, "the file ends inside it");
  const std::string dictionary = text.substr(begin, length);

  NpyHeader header;
  header.data_begin = static_cast<std::int64_t>(begin + length);
  std::smatch match;
  static const std::regex type_pattern(R"('descr'\s*:\s*'([^']{1,20})')");
  static const std::regex order_pattern(R"('fortran_order'\s*:\s*(True|False))");
  static const std::regex shape_pattern(R"('shape'\s*:\s*\(([0-9, ]{0,200})\))");
  if (!std::regex_search(dictionary, match, type_pattern)) damaged(path, "no 'descr'");
  const auto element = parse_element(match[1]);
  if (!element) {
    throw input_error("{} holds numbers of type {} (only real and integer arrays are patterns): convert it first",
                      path.string(), match[1].str());
  }
  header.element = *element;
  if (!std::regex_search(dictionary, match, order_pattern)) damaged(path, "no 'fortran_order'");
  if (match[1] == "True") {
    throw input_error("{} is stored column by column (fortran_order): save it again with numpy.ascontiguousarray",
                      path.string());
  }
  if (!std::regex_search(dictionary, match, shape_pattern)) damaged(path, "no 'shape'");
  const std::string numbers = match[1];
  for (std::size_t at = 0; at < numbers.size();) {
    if (numbers[at] < '0' || numbers[at] > '9') {
      ++at;
      continue;
    }
    std::int64_t extent = 0;
    const auto result = std::from_chars(numbers.data() + at, numbers.data() + numbers.size(), extent);
    if (result.ec != std::errc()) damaged(path, "an axis beyond every number");
    header.shape.push_back(extent);
    at = static_cast<std::size_t>(result.ptr - numbers.data());
  }
  return header;
}

}  // namespace

std::unique_ptr<ScanReader> open_npy(const Path& path, const ReadOptions& options) {
  const std::int64_t bytes = checked_file_size(path);
  const auto header = read_header(path);
  const auto& shape = header.shape;
  const std::size_t axes = shape.size();
  if (axes < 2 || axes > 5) {
    throw input_error(
        "{} has {} axes (a 4D-STEM scan has 4: scan y, scan x, pattern y, pattern x; 2, 3 and 5 are "
        "understood too): reshape it",
        path.string(), axes);
  }
  ScanDescription description;
  description.format = "npy";
  description.path = path;
  description.files = {path};
  description.pattern_ny = shape[axes - 2];
  description.pattern_nx = shape[axes - 1];
  description.scan_nx = axes >= 3 ? shape[axes - 3] : 1;
  description.scan_ny = axes >= 4 ? shape[axes - 4] : 1;
  description.time_frames = axes == 5 ? shape[0] : 1;
  if (options.scan_shape) {
    const auto [ny, nx] = *options.scan_shape;
    const double stored = static_cast<double>(description.scan_ny) * static_cast<double>(description.scan_nx);
    if (static_cast<double>(ny) * static_cast<double>(nx) != stored) {
      throw input_error("--scan-shape {}x{} does not fit {} ({} x {} positions): leave the option away", ny, nx,
                        path.string(), description.scan_ny, description.scan_nx);
    }
    description.scan_ny = ny;
    description.scan_nx = nx;
  }
  description.element_type = header.element.type;
  description.big_endian = header.element.big_endian;
  finish_description(description, options);
  const std::int64_t frame = description.pixels() * header.element.type.bytes;
  const double needed = static_cast<double>(description.total_patterns()) * static_cast<double>(frame);
  if (static_cast<double>(bytes - header.data_begin) != needed) {
    throw input_error("{} has {} bytes after its header but its shape needs {:.0f}: the file is cut short or damaged",
                      path.string(), bytes - header.data_begin, needed);
  }
  return make_frame_reader(std::move(description), {header.data_begin, frame, header.element});
}

}  // namespace mesoglass::scan
