// The .xml that EMPAD's software writes beside a .raw file.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

// A scan shape that some source states, right or not.
struct ShapeCandidate {
  std::int64_t ny = 0;
  std::int64_t nx = 0;
  std::string origin;
};

struct EmpadSidecar {
  std::string raw_file;                    // base name, empty where the file names none
  std::vector<ShapeCandidate> candidates;  // in the order to try
  std::optional<double> voltage_v;
  std::string voltage_origin;
  std::optional<double> angle_per_pixel_rad;                 // <calibrated_diffraction_angle>
  std::optional<std::pair<double, double>> field_of_view_m;  // (x, y) of the whole scan
  std::optional<double> field_of_view_scale;                 // newer software: the field is stored times this
  std::optional<double> gain;                                // <detector_units_per_electron>: mg-phantom writes it
};

// Reads an acquisition's .xml (software 0.51 and 1.2 are known). Throws input_error where it is not XML or has neither
// a raw file nor a scan. Not collective.
[[nodiscard]] EmpadSidecar read_empad_sidecar(const std::filesystem::path& path);

// The .xml beside a raw file that names it: same stem first, then any in the folder. Not collective.
[[nodiscard]] std::optional<std::filesystem::path> find_empad_sidecar(const std::filesystem::path& raw_file);

}  // namespace mesoglass::scan
