// EMD files: 1.0 as py4DSTEM 0.14 and later writes it, and 0.x (py4DSTEM 0.13 and older, Prismatic and others).
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
  const auto roles = usual_roles(file.path().string(), data, file.shape(data).size());

  ScanDescription description;
  description.format = "EMD 1.0";
  if (options.voltage_v) description.voltage_v = {options.voltage_v, "given by the user"};
  const auto group = parent_of(data);
  const auto last = roles.size() - 1;
  add_axis_calibration(file, description, roles.size() >= 4 ? fmt::format("{}/dim{}", group, last - 2) : "",
                       fmt::format("{}/dim{}", group, last));
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
  const auto roles = usual_roles(file.path().string(), data, file.shape(data).size());
  ScanDescription description;
  description.format = "EMD 0.x";
  if (options.voltage_v) description.voltage_v = {options.voltage_v, "given by the user"};
  const auto group = parent_of(data);
  const auto axes = roles.size();
  add_axis_calibration(file, description, fmt::format("{}/dim{}", group, axes - 2),
                       fmt::format("{}/dim{}", group, axes));
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

}  // namespace mesoglass::scan
