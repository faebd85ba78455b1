#include "scan/empad_sidecar.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <pugixml.hpp>
#include <system_error>

namespace mesoglass::scan {

namespace {

namespace fs = std::filesystem;

// Sidecars are a few kB; anything far larger beside a scan is something else.
constexpr std::uintmax_t largest_sidecar_bytes = std::uintmax_t{1} << 22;

std::optional<double> real_value(const pugi::xml_node& node) {
  if (!node) return std::nullopt;
  const std::string text = node.text().as_string();
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  if (end == text.c_str() || !std::isfinite(value) || value <= 0.0) return std::nullopt;
  return value;
}

std::optional<std::int64_t> count_value(const pugi::xml_node& node) {
  const auto value = real_value(node);
  if (!value || *value != std::floor(*value) || *value > 1e9) return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

void add_candidate(EmpadSidecar& sidecar, const pugi::xml_node& ny, const pugi::xml_node& nx,
                   const std::string& origin) {
  const auto rows = count_value(ny);
  const auto columns = count_value(nx);
  if (rows && columns) sidecar.candidates.push_back({*rows, *columns, origin});
}

// "[4.5e-06, 4.5e-06]"
std::optional<std::pair<double, double>> pair_value(const pugi::xml_node& node) {
  const std::string text = node.text().as_string();
  const auto open = text.find('[');
  const auto comma = text.find(',');
  if (open == std::string::npos || comma == std::string::npos || comma < open) return std::nullopt;
  const double x = std::strtod(text.c_str() + open + 1, nullptr);
  const double y = std::strtod(text.c_str() + comma + 1, nullptr);
  if (!(std::isfinite(x) && std::isfinite(y) && x > 0.0 && y > 0.0)) return std::nullopt;
  return std::pair{x, y};
}

// A path of an acquisition computer, of either kind, cut to its last part: the file has been moved since.
std::string base_name(std::string path) {
  const auto cut = path.find_last_of("/\\");
  if (cut != std::string::npos) path.erase(0, cut + 1);
  return path;
}

}  // namespace

EmpadSidecar read_empad_sidecar(const fs::path& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  if (error || size > largest_sidecar_bytes) {
    throw input_error("{} is not an EMPAD acquisition's .xml ({}): name the .xml or .raw of a scan", path.string(),
                      error ? error.message() : "it is too large");
  }
  pugi::xml_document document;
  const auto parsed = document.load_file(path.c_str());
  if (!parsed) {
    throw input_error("{} is not valid XML ({} at byte {}): copy it again, or give --scan-shape with the .raw file",
                      path.string(), parsed.description(), parsed.offset);
  }
  const auto root = document.document_element();
  EmpadSidecar sidecar;
  sidecar.raw_file = base_name(root.child("raw_file").attribute("filename").as_string());

  const std::string name = path.filename().string();
  add_candidate(sidecar, root.child("pix_y"), root.child("pix_x"), name + " pix_y, pix_x");
  for (const char* mode : {"acquire", "search"}) {
    const auto parameters = root.find_child_by_attribute("scan_parameters", "mode", mode);
    add_candidate(sidecar, parameters.child("scan_resolution_y"), parameters.child("scan_resolution_x"),
                  name + " scan_parameters mode " + mode);
  }
  if (const auto count = count_value(root.child("count"))) {
    sidecar.candidates.push_back({1, *count, name + " series count"});
  }
  if (sidecar.raw_file.empty() && sidecar.candidates.empty()) {
    throw input_error(
        "{} is not an EMPAD acquisition's .xml (it has neither raw_file nor scan_parameters): name the .xml "
        "or .raw of a scan",
        path.string());
  }

  const auto measured = root.child("iom_measurements");
  for (const char* element : {"source.get_voltage", "high_voltage"}) {
    if (!sidecar.voltage_v) {
      sidecar.voltage_v = real_value(measured.child(element));
      if (sidecar.voltage_v) sidecar.voltage_origin = name + " " + element;
    }
  }
  sidecar.angle_per_pixel_rad = real_value(measured.child("calibrated_diffraction_angle"));
  sidecar.gain = real_value(measured.child("detector_units_per_electron"));
  if (const auto field = measured.child("full_scan_field_of_view")) {
    const auto x = real_value(field.child("x"));
    const auto y = real_value(field.child("y"));
    sidecar.field_of_view_scale = real_value(field.child("scale_factor"));
    if (x && y && sidecar.field_of_view_scale) sidecar.field_of_view_m = std::pair{*x, *y};
  } else if (const auto old_field = measured.child("optics.get_full_scan_field_of_view")) {
    sidecar.field_of_view_m = pair_value(old_field);
  }
  return sidecar;
}

std::optional<fs::path> find_empad_sidecar(const fs::path& raw_file) {
  auto same_stem = raw_file;
  same_stem.replace_extension(".xml");
  std::error_code error;
  if (fs::is_regular_file(same_stem, error)) return same_stem;

  constexpr int most_files = 1000;  // a folder of thousands of .xml files is not one acquisition's
  std::vector<fs::path> others;
  const auto folder = raw_file.has_parent_path() ? raw_file.parent_path() : fs::path(".");
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".xml" && entry.is_regular_file(error) && others.size() < most_files) {
      others.push_back(entry.path());
    }
  }
  std::sort(others.begin(), others.end());
  for (const auto& candidate : others) {
    try {
      if (read_empad_sidecar(candidate).raw_file == raw_file.filename().string()) return candidate;
    } catch (const Error&) {
      // Another program's .xml in the same folder is no concern of this scan.
    }
  }
  return std::nullopt;
}

}  // namespace mesoglass::scan
