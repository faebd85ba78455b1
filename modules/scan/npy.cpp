// numpy .npy files (format versions 1 to 3): a Python dictionary literal, then the array.
#include "scan/npy_header.hpp"

#include "scan/frame_file.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

std::unique_ptr<ScanReader> open_npy(const Path& path, const ReadOptions& options) {
  const std::int64_t bytes = checked_file_size(path);
  const auto header = read_npy_header(path);
  const auto element = parse_element(header.type);
  if (!element) {
    throw input_error("{} holds numbers of type {} (only real and integer arrays are patterns): convert it first",
                      path.string(), header.type);
  }
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
  if (axes == 3) description.scan_nx = split_time_frames(description, shape[0], options);
  if (axes >= 4) description.scan_nx = shape[axes - 3];
  if (axes == 2) description.scan_nx = 1;
  description.scan_ny = axes >= 4 ? shape[axes - 4] : 1;
  if (axes == 5) description.time_frames = shape[0];
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
  description.element_type = element->type;
  description.big_endian = element->big_endian;
  finish_description(description, options);
  const std::int64_t frame = description.pixels() * element->type.bytes;
  const double needed = static_cast<double>(description.total_patterns()) * static_cast<double>(frame);
  if (static_cast<double>(bytes - header.data_begin) != needed) {
    throw input_error("{} has {} bytes after its header but its shape needs {:.0f}: the file is cut short or damaged",
                      path.string(), bytes - header.data_begin, needed);
  }
  return make_frame_reader(std::move(description), {header.data_begin, frame, *element});
}

}  // namespace mesoglass::scan
