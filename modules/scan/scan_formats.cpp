#include "scan/scan_formats.hpp"

#include <cmath>

#include "core/units.hpp"

namespace mesoglass::scan {

namespace {

void apply(CalibrationValue& value, const std::optional<double>& given) {
  if (given) value = {given, "given by the user"};
  // A zero or NaN in a file is an unset field, not a calibration.
  if (value.value && !(std::isfinite(*value.value) && *value.value > 0.0)) value = {};
}

// "[n_m^-1]", "nm^-1", "1/nm" and "nm-1" become "1/nm"; a unit's brackets and underscores carry no meaning.
std::string plain_unit(const std::string& unit) {
  std::string text;
  for (const char letter : unit) {
    if (letter != '[' && letter != ']' && letter != '_' && letter != ' ' && letter != '\0') text += letter;
  }
  for (const char* suffix : {"^-1", "-1", "^{-1}"}) {
    const std::string ending = suffix;
    if (text.size() > ending.size() && text.compare(text.size() - ending.size(), ending.size(), ending) == 0) {
      return "1/" + text.substr(0, text.size() - ending.size());
    }
  }
  return text;
}

bool is_angstrom(const std::string& unit) {
  return unit == "A" || unit == "Ang" || unit == "angstrom" || unit == "Angstrom" || unit == "\xC3\x85" ||
         unit == "\xE2\x84\xAB";
}

}  // namespace

void finish_description(ScanDescription& description, const ReadOptions& options) {
  apply(description.k_per_pixel_inverse_nm, options.k_per_pixel_inverse_nm);
  apply(description.scan_step_nm, options.scan_step_nm);
  apply(description.voltage_v, options.voltage_v);
  apply(description.gain, options.gain);
  apply(description.frame_interval_s, options.frame_interval_s);

  constexpr std::int64_t largest_side = std::int64_t{1} << 16;
  constexpr double largest_patterns = 1e12;
  const double patterns = static_cast<double>(description.time_frames) * static_cast<double>(description.scan_ny) *
                          static_cast<double>(description.scan_nx);
  const auto& d = description;
  if (d.time_frames < 1 || d.scan_ny < 1 || d.scan_nx < 1 || d.pattern_ny < 1 || d.pattern_nx < 1 ||
      d.pattern_ny > largest_side || d.pattern_nx > largest_side || patterns > largest_patterns) {
    throw input_error(
        "{} says its scan is {} x {} x {} patterns of {} x {} pixels (no scan has such a size): the file is "
        "damaged or its axes are in an unknown order",
        d.path.string(), d.time_frames, d.scan_ny, d.scan_nx, d.pattern_ny, d.pattern_nx);
  }
}

std::int64_t split_time_frames(ScanDescription& description, std::int64_t patterns, const ReadOptions& options) {
  const std::int64_t frames = options.time_frames.value_or(1);
  if (patterns % frames != 0) {
    throw input_error("--time-frames {} does not divide the {} patterns of {}: give the number of scans in the file",
                      frames, patterns, description.path.string());
  }
  description.time_frames = frames;
  return patterns / frames;
}

std::optional<double> inverse_nm_from_unit(double value, const std::string& unit, std::optional<double> voltage_v) {
  const std::string plain = plain_unit(unit);
  if (plain.rfind("1/", 0) == 0) {
    const auto length = nm_from_unit(1.0, plain.substr(2));
    if (length) return value / *length;
    return std::nullopt;
  }
  if ((plain == "mrad" || plain == "rad") && voltage_v) {
    return value * (plain == "mrad" ? 1e-3 : 1.0) / units::electron_wavelength_nm(*voltage_v);
  }
  return std::nullopt;
}

std::optional<double> nm_from_unit(double value, const std::string& unit) {
  const std::string plain = plain_unit(unit);
  if (plain == "nm") return value;
  if (plain == "pm") return value * 1e-3;
  if (plain == "um" || plain == "\xC2\xB5m" || plain == "\xCE\xBCm") return value * 1e3;
  if (plain == "m") return value * units::nm_per_m;
  if (is_angstrom(plain)) return value * units::nm_per_angstrom;
  return std::nullopt;
}

std::optional<double> seconds_from_unit(double value, const std::string& unit) {
  const std::string plain = plain_unit(unit);
  if (plain == "s" || plain == "sec" || plain == "second" || plain == "seconds") return value;
  if (plain == "ms") return value * 1e-3;
  if (plain == "us" || plain == "\xC2\xB5s" || plain == "\xCE\xBCs") return value * 1e-6;
  if (plain == "ns") return value * 1e-9;
  if (plain == "min") return value * 60.0;
  if (plain == "h") return value * 3600.0;
  return std::nullopt;
}

}  // namespace mesoglass::scan
