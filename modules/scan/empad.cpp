// EMPAD v1 raw files: frames of 128 x 128 little-endian floats, each followed by 1,024 bytes of footer; processed files
// and EMPAD-G2 exports have no footer. Nothing in the file says its scan shape, so every source that may know is asked
// and the first whose size equals the file's is taken.
#include <algorithm>
#include <regex>

#include "core/units.hpp"
#include "scan/empad_layout.hpp"
#include "scan/empad_sidecar.hpp"
#include "scan/frame_file.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

namespace {

struct ChosenShape {
  ShapeCandidate shape;
  std::int64_t frame_bytes = 0;
};

std::optional<ShapeCandidate> shape_from_name(const Path& path) {
  static const std::regex pattern(R"(.*x(\d{1,7})_y(\d{1,7})\.raw)", std::regex::icase);
  std::smatch match;
  const std::string name = path.filename().string();
  if (!std::regex_match(name, match, pattern)) return std::nullopt;
  return ShapeCandidate{std::stoll(match[2]), std::stoll(match[1]), "file name " + name};
}

bool fits(const ShapeCandidate& shape, std::int64_t frame_bytes, std::int64_t file_bytes) {
  return shape.ny >= 1 && shape.nx >= 1 && shape.ny <= file_bytes / frame_bytes / shape.nx &&
         shape.ny * shape.nx * frame_bytes == file_bytes;
}

[[noreturn]] void refuse_shape(const std::string& what, std::int64_t bytes,
                               const std::vector<ShapeCandidate>& candidates) {
  std::string message = fmt::format(
      "no scan shape fits {} ({} bytes = {} frames of {} bytes with footer and {} bytes over, or {} frames of {} bytes "
      "without footer and {} bytes over; tried:",
      what, bytes, bytes / empad_frame_bytes, empad_frame_bytes, bytes % empad_frame_bytes, bytes / empad_pattern_bytes,
      empad_pattern_bytes, bytes % empad_pattern_bytes);
  for (const auto& shape : candidates) {
    const double frames = static_cast<double>(shape.ny) * static_cast<double>(shape.nx);
    message += fmt::format(" {} = {} x {} = {:.0f} frames = {:.0f} bytes with or {:.0f} without footer;", shape.origin,
                           shape.ny, shape.nx, frames, frames * empad_frame_bytes, frames * empad_pattern_bytes);
  }
  if (candidates.empty()) message += " nothing, neither the file name nor an .xml beside it states a shape;";
  message.back() = ')';
  const bool whole = bytes % empad_frame_bytes == 0 || bytes % empad_pattern_bytes == 0;
  message += whole ? ": give the right one as --scan-shape ROWSxCOLUMNS"
                   : ": the file is cut short or is not an EMPAD file; copy it again, or describe its layout by "
                     "--pattern-shape and --element";
  throw input_error("{}", message);
}

ChosenShape choose_shape(const Path& path, std::int64_t bytes, const std::optional<EmpadSidecar>& sidecar,
                         const ReadOptions& options, std::vector<std::string>& remarks) {
  std::vector<ShapeCandidate> candidates;
  if (options.scan_shape) {
    // The user's word is not overruled by a file that happens to fit.
    candidates.push_back({options.scan_shape->first, options.scan_shape->second, "--scan-shape"});
  } else {
    if (const auto named = shape_from_name(path)) candidates.push_back(*named);
    if (sidecar) candidates.insert(candidates.end(), sidecar->candidates.begin(), sidecar->candidates.end());
  }
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    for (const std::int64_t frame_bytes : {empad_frame_bytes, empad_pattern_bytes}) {
      if (!fits(candidates[i], frame_bytes, bytes)) continue;
      if (i > 0) remarks.push_back(fmt::format("{} earlier candidate(s) for the scan shape did not fit the file", i));
      return {candidates[i], frame_bytes};
    }
  }
  const std::string part = options.time_frames ? fmt::format("each of the {} scans in ", *options.time_frames) : "";
  refuse_shape(part + path.string(), bytes, candidates);
}

void add_calibration(ScanDescription& description, const EmpadSidecar& sidecar, const std::string& xml_name,
                     const ReadOptions& options) {
  if (sidecar.voltage_v) description.voltage_v = {sidecar.voltage_v, sidecar.voltage_origin};
  if (sidecar.gain) description.gain = {sidecar.gain, xml_name + " detector_units_per_electron"};
  const auto voltage = options.voltage_v ? options.voltage_v : sidecar.voltage_v;
  if (sidecar.angle_per_pixel_rad && voltage) {
    description.k_per_pixel_inverse_nm = {*sidecar.angle_per_pixel_rad / units::electron_wavelength_nm(*voltage),
                                          xml_name + " calibrated_diffraction_angle with the voltage"};
  }
  if (sidecar.field_of_view_m) {
    // Newer software stores the field of the longer side, times a factor (as the RosettaSciIO reader takes it).
    const auto positions =
        sidecar.field_of_view_scale ? std::max(description.scan_nx, description.scan_ny) : description.scan_nx;
    const double scale = sidecar.field_of_view_scale.value_or(1.0);
    description.scan_step_nm = {
        sidecar.field_of_view_m->first * units::nm_per_m / (scale * static_cast<double>(positions)),
        xml_name + " full_scan_field_of_view"};
  }
}

std::unique_ptr<ScanReader> open_raw(const Path& path, const std::optional<Path>& xml, const ReadOptions& options) {
  const std::int64_t bytes = checked_file_size(path);
  std::optional<EmpadSidecar> sidecar;
  if (xml) sidecar = read_empad_sidecar(*xml);

  ScanDescription description;
  description.path = path;
  description.files.push_back(path);
  if (xml) description.files.push_back(*xml);
  // Of a time series the bytes of one scan decide.
  description.time_frames = options.time_frames.value_or(1);
  if (bytes % description.time_frames != 0) {
    throw input_error("--time-frames {} does not divide the {} bytes of {}: give the number of scans in the file",
                      description.time_frames, bytes, path.string());
  }
  const std::int64_t scan_bytes = bytes / description.time_frames;
  const auto chosen = choose_shape(path, scan_bytes, sidecar, options, description.remarks);
  const bool has_footer = chosen.frame_bytes == empad_frame_bytes;
  description.format = has_footer ? "EMPAD v1" : "EMPAD without footer (processed, or an EMPAD-G2 export)";
  description.scan_ny = chosen.shape.ny;
  description.scan_nx = chosen.shape.nx;
  description.pattern_ny = empad_side;
  description.pattern_nx = empad_side;
  description.remarks.push_back("scan shape from " + chosen.shape.origin);
  if (sidecar) add_calibration(description, *sidecar, xml->filename().string(), options);
  const auto element = *parse_element("<f4");
  description.element_type = element.type;
  finish_description(description, options);
  return make_frame_reader(std::move(description), {0, chosen.frame_bytes, element});
}

}  // namespace

std::unique_ptr<ScanReader> open_empad_raw(const Path& path, const ReadOptions& options) {
  (void)checked_file_size(path);
  return open_raw(path, find_empad_sidecar(path), options);
}

std::unique_ptr<ScanReader> open_empad_sidecar(const Path& path, const ReadOptions& options) {
  const auto sidecar = read_empad_sidecar(path);
  if (sidecar.raw_file.empty()) {
    throw input_error("{} names no raw file (no raw_file element): open the .raw file itself", path.string());
  }
  const auto raw = path.parent_path() / sidecar.raw_file;
  std::error_code error;
  if (!std::filesystem::exists(raw, error)) {
    std::string shapes;
    for (const auto& shape : sidecar.candidates) {
      shapes += fmt::format("{}{} = {} x {}", shapes.empty() ? "" : ", ", shape.origin, shape.ny, shape.nx);
    }
    throw input_error(
        "{} names the raw file {}, which is not beside it (scan shapes it states: {}): put the raw file into "
        "the same folder",
        path.string(), sidecar.raw_file, shapes.empty() ? "none" : shapes);
  }
  return open_raw(raw, path, options);
}

}  // namespace mesoglass::scan
