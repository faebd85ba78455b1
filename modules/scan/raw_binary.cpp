// Raw binary files without a description of their own: the user states the layout.
#include "scan/frame_file.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

std::unique_ptr<ScanReader> open_raw_binary(const Path& path, const ReadOptions& options) {
  const std::int64_t bytes = checked_file_size(path);
  const auto element = parse_element(options.element);
  if (!element || !options.pattern_shape || !options.scan_shape) {
    throw input_error(
        "{} has no header that states its layout: give --scan-shape, --pattern-shape and --element "
        "together",
        path.string());
  }
  ScanDescription description;
  description.format = "raw binary";
  description.path = path;
  description.files = {path};
  std::tie(description.scan_ny, description.scan_nx) = *options.scan_shape;
  std::tie(description.pattern_ny, description.pattern_nx) = *options.pattern_shape;
  description.time_frames = options.time_frames.value_or(1);
  description.element_type = element->type;
  description.big_endian = element->big_endian;
  finish_description(description, options);
  const std::int64_t frame = description.pixels() * element->type.bytes;
  const std::int64_t stride = options.frame_stride_bytes.value_or(frame);
  if (stride < frame) {
    throw input_error(
        "--frame-stride {} is less than a pattern ({} x {} values of {} bytes = {} bytes): give the "
        "distance between beginnings",
        stride, description.pattern_ny, description.pattern_nx, element->type.bytes, frame);
  }
  // The last frame's gap may be missing; more bytes than stated would mean that the statement is wrong.
  const double needed = static_cast<double>(options.header_bytes) +
                        static_cast<double>(description.total_patterns()) * static_cast<double>(stride);
  const double without_last_gap = needed - static_cast<double>(stride - frame);
  const auto actual = static_cast<double>(bytes);
  if (actual != needed && actual != without_last_gap) {
    throw input_error(
        "{} has {} bytes but the stated layout needs {:.0f} ({} header + {} scan(s) of {} x {} patterns of {} "
        "bytes): correct --scan-shape, --pattern-shape, --time-frames, --element, --header-bytes or --frame-stride",
        path.string(), bytes, needed, options.header_bytes, description.time_frames, description.scan_ny,
        description.scan_nx, stride);
  }
  return make_frame_reader(std::move(description), {options.header_bytes, stride, *element});
}

}  // namespace mesoglass::scan
