// EMD files: 1.0 as py4DSTEM 0.14 and later writes it, and 0.x (py4DSTEM 0.13 and older, Prismatic and others).
#include <algorithm>

#include "scan/hdf5_scan.hpp"

namespace mesoglass::scan {

namespace {

std::string joined(const std::string& group, const std::string& name) {
  return (group == "/" ? "" : group) + "/" + name;
}

std::string parent_of(const std::string& path) {
  const auto cut = path.find_last_of('/');
  return cut == 0 || cut == std::string::npos ? "/" : path.substr(0, cut);
}

// The axes' own calibration: two neighbouring values and the unit's name.
void add_axis_calibration(const Hdf5File& file, ScanDescription& description, const std::string& scan_axis,
                          const std::string& pattern_axis) {
  if (const auto step = axis_step_if_any(file, scan_axis)) {
    description.scan_step_nm = {nm_from_unit(*step, text_attribute_or_empty(file, scan_axis, "units")), scan_axis};
  }
  if (const auto step = axis_step_if_any(file, pattern_axis)) {
    description.k_per_pixel_inverse_nm = {
        inverse_nm_from_unit(*step, text_attribute_or_empty(file, pattern_axis, "units"), description.voltage_v.value),
        pattern_axis};
  }
}

// What the file calls the axes of an array; EMD 1.0 counts them from 0, EMD 0.x from 1.
std::vector<std::string> axis_names(const Hdf5File& file, const std::string& group, std::size_t axes,
                                    std::size_t first) {
  std::vector<std::string> names;
  for (std::size_t axis = 0; axis < axes; ++axis) {
    const auto dimension = fmt::format("{}/dim{}", group, first + axis);
    names.push_back(file.exists(dimension) ? text_attribute_or_empty(file, dimension, "name") : "");
  }
  return names;
}

// The dataset of the fast scan axis; "" where there is none.
std::string scan_axis_of(const std::vector<AxisRole>& roles, const std::string& group, std::size_t first) {
  const auto found = std::find(roles.begin(), roles.end(), AxisRole::scan_x);
  if (found == roles.end()) return {};
  return fmt::format("{}/dim{}", group, first + static_cast<std::size_t>(found - roles.begin()));
}

void add_time_axis(const Hdf5File& file, ScanDescription& description, const std::vector<AxisRole>& roles,
                   const std::string& data, std::size_t first) {
  const auto axis = time_axis_of(roles);
  if (!axis) return;
  const std::string group = parent_of(data);
  const auto frames = file.shape(data)[*axis];
  const auto dimension = fmt::format("{}/dim{}", group, first + *axis);
  if (!file.exists(dimension)) return;
  const auto unit = text_attribute_or_empty(file, dimension, "units");
  const bool linear = file.is_dataset(dimension) && file.shape(dimension) == Shape{2};  // its first two values
  const auto step = linear ? axis_step_if_any(file, dimension) : std::nullopt;
  description.frame_interval_s = {
      step ? seconds_from_unit(*step, unit) : frame_interval_if_any(file, dimension, unit, frames), dimension};
}

void set_if_known(CalibrationValue& target, const std::optional<double>& value, const std::string& origin) {
  if (value) target = {value, origin};
}

// <root>/metadatabundle/calibration, which wins over the axes because py4DSTEM itself works with it.
void add_bundle_calibration(const Hdf5File& file, ScanDescription& description, const std::string& root) {
  const std::string group = joined(root, "metadatabundle/calibration");
  if (!file.is_group(group)) return;
  set_if_known(description.voltage_v, single_real_if_any(file, group + "/voltage_v"), group + "/voltage_v");
  set_if_known(description.gain, single_real_if_any(file, group + "/gain"), group + "/gain");
  const auto q = single_real_if_any(file, group + "/Q_pixel_size");
  const auto r = single_real_if_any(file, group + "/R_pixel_size");
  if (q) {
    set_if_known(
        description.k_per_pixel_inverse_nm,
        inverse_nm_from_unit(*q, single_text_or_empty(file, group + "/Q_pixel_units"), description.voltage_v.value),
        group + "/Q_pixel_size");
  }
  if (r) {
    set_if_known(description.scan_step_nm, nm_from_unit(*r, single_text_or_empty(file, group + "/R_pixel_units")),
                 group + "/R_pixel_size");
  }
}

}  // namespace

std::unique_ptr<ScanReader> open_emd1(const SharedHdf5& open, const ReadOptions& options) {
  const auto& file = open->file;
  std::vector<std::string> cubes;
  std::vector<std::string> other_arrays;
  (void)find_groups(file, "/", [&](const std::string& group) {
    if (text_attribute_or_empty(file, group, "emd_group_type") != "array") return false;
    const std::string data = joined(group, "data");
    if (!file.is_dataset(data)) return false;
    const bool is_cube = text_attribute_or_empty(file, group, "python_class") == "DataCube";
    const auto axes = file.shape(data).size();
    if (is_cube)
      cubes.push_back(data);
    else if (axes == 4 || axes == 5)
      other_arrays.push_back(data);
    return false;
  });
  auto candidates = cubes;
  // Arrays that no class names are offered where there is no data cube, or where the user asks for one.
  if (cubes.empty() || !options.dataset.empty()) {
    candidates.insert(candidates.end(), other_arrays.begin(), other_arrays.end());
  }
  const auto data = choose_dataset(file, candidates, options.dataset, "EMD 1.0");
  const auto group = parent_of(data);
  const auto roles =
      roles_of_named_axes(file.path().string(), data, axis_names(file, group, file.shape(data).size(), 0));

  ScanDescription description;
  description.format = "EMD 1.0";
  if (options.voltage_v) description.voltage_v = {options.voltage_v, "given by the user"};
  add_time_axis(file, description, roles, data, 0);
  const auto last = roles.size() - 1;
  add_axis_calibration(file, description, scan_axis_of(roles, group, 0), fmt::format("{}/dim{}", group, last));
  for (std::string root = parent_of(group);; root = parent_of(root)) {
    add_bundle_calibration(file, description, root);
    if (root == "/") break;
  }
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

std::unique_ptr<ScanReader> open_emd0(const SharedHdf5& open, const ReadOptions& options) {
  const auto& file = open->file;
  std::vector<std::string> candidates;
  (void)find_groups(file, "/", [&](const std::string& group) {
    if (real_attribute_if_any(file, group, "emd_group_type") != 1.0) return false;
    for (const char* name : {"data", "datacube"}) {
      const std::string data = joined(group, name);
      if (!file.is_dataset(data)) continue;
      const auto axes = file.shape(data).size();
      if (axes == 4 || axes == 5) candidates.push_back(data);
    }
    return false;
  });
  const auto data = choose_dataset(file, candidates, options.dataset, "EMD 0.x");
  const auto group = parent_of(data);
  const auto roles =
      roles_of_named_axes(file.path().string(), data, axis_names(file, group, file.shape(data).size(), 1));
  ScanDescription description;
  description.format = "EMD 0.x";
  if (options.voltage_v) description.voltage_v = {options.voltage_v, "given by the user"};
  add_time_axis(file, description, roles, data, 1);
  const auto axes = roles.size();
  add_axis_calibration(file, description, scan_axis_of(roles, group, 1), fmt::format("{}/dim{}", group, axes));
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

}  // namespace mesoglass::scan
