// HyperSpy .hspy files: /Experiments/<title>/data with a group axis-i for each array axis.
#include <cmath>

#include "scan/hdf5_scan.hpp"

namespace mesoglass::scan {

namespace {

// HyperSpy's booleans are HDF5 enumerations of one byte, which core's number attributes are not.
std::optional<bool> boolean_attribute(const std::string& path, const std::string& object, const std::string& name) {
  std::optional<bool> value;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) return value;
  const hid_t attribute = H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0) {
    const hid_t type = H5Aget_type(attribute);
    std::uint8_t byte = 0;
    const bool one_byte =
        H5Tget_size(type) == 1 && (H5Tget_class(type) == H5T_ENUM || H5Tget_class(type) == H5T_INTEGER);
    if (one_byte && H5Aread(attribute, type, &byte) >= 0) value = byte != 0;
    H5Tclose(type);
    H5Aclose(attribute);
  }
  H5Fclose(file);
  H5Eclear2(H5E_DEFAULT);
  return value;
}

}  // namespace

std::unique_ptr<ScanReader> open_hyperspy(const SharedHdf5& open, const ReadOptions& options) {
  const auto& file = open->file;
  const std::string path = file.path().string();
  std::vector<std::string> candidates;
  for (const auto& title : file.children("/Experiments")) {
    const std::string data = "/Experiments/" + title + "/data";
    if (file.is_dataset(data)) candidates.push_back(data);
  }
  const auto data = choose_dataset(file, candidates, options.dataset, "HyperSpy");
  const auto group = data.substr(0, data.size() - std::string("/data").size());
  const auto shape = file.shape(data);
  const auto axes = shape.size();
  std::vector<std::string> names;
  // The array's axes stand with navigation first; a signal that is not an image has a last but one navigation axis.
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const auto name = fmt::format("{}/axis-{}", group, axis);
    if (!file.is_group(name)) {
      throw input_error("{}: {} has {} axes but no group {}: the file is damaged", path, data, axes, name);
    }
    const auto navigate = boolean_attribute(path, name, "navigate");
    if (navigate && *navigate != (axis + 2 < axes)) {
      throw input_error(
          "{}: {} is not a scan of images (axis {} is {} navigated): only two-dimensional signals are "
          "diffraction patterns",
          path, data, axis, *navigate ? "" : "not");
    }
    const auto size = real_attribute_if_any(file, name, "size");
    if (size && *size != static_cast<double>(shape[axis])) {
      throw input_error(
          "{}: {} says that its axis has {} places, but {} has {}: the file is damaged; write it anew, or correct "
          "`size`",
          path, name, *size, data, shape[axis]);
    }
    names.push_back(text_attribute_or_empty(file, name, "name"));
  }
  const auto roles = roles_of_named_axes(path, data, names);
  ScanDescription description;
  description.format = "HyperSpy";
  const std::string instrument = group + "/metadata/Acquisition_instrument/TEM";
  if (file.is_group(instrument)) {
    if (const auto energy_kev = real_attribute_if_any(file, instrument, "beam_energy")) {
      description.voltage_v = {*energy_kev * 1e3, instrument + " beam_energy"};
    }
  }
  if (options.voltage_v) description.voltage_v = {options.voltage_v, "given by the user"};
  const auto calibration = [&](std::size_t axis) {
    const auto name = fmt::format("{}/axis-{}", group, axis);
    return std::pair{real_attribute_if_any(file, name, "scale"), text_attribute_or_empty(file, name, "units")};
  };
  if (const auto [scale, unit] = calibration(axes - 1); scale) {
    description.k_per_pixel_inverse_nm = {inverse_nm_from_unit(*scale, unit, description.voltage_v.value),
                                          fmt::format("{}/axis-{}", group, axes - 1)};
  }
  for (std::size_t axis = 0; axis + 2 < axes; ++axis) {
    const auto [scale, unit] = calibration(axis);
    const auto name = fmt::format("{}/axis-{}", group, axis);
    if (roles[axis] == AxisRole::time) {
      // An axis without a scale lists its values.
      const auto interval = scale ? seconds_from_unit(std::fabs(*scale), unit)
                                  : frame_interval_if_any(file, name + "/axis", unit, shape[axis]);
      description.frame_interval_s = {interval, name};
    } else if (scale) {
      description.scan_step_nm = {nm_from_unit(*scale, unit), name};
    }
  }
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

}  // namespace mesoglass::scan
