// The HDF5 layout of the fpd library (Merlin and Medipix detectors): /fpd_expt/fpd_data/data (scanY, scanX, colour,
// detY, detX), where the colour axis may be missing and files of one scan row or point keep axes of length one.
#include <algorithm>

#include "scan/hdf5_scan.hpp"

namespace mesoglass::scan {

std::unique_ptr<ScanReader> open_fpd(const SharedHdf5& open, const ReadOptions& options) {
  const auto& file = open->file;
  const std::string group = "/fpd_expt/fpd_data";
  const std::string data = choose_dataset(
      file, file.is_dataset(group + "/data") ? std::vector<std::string>{group + "/data"} : std::vector<std::string>{},
      options.dataset, "fpd HDF5");
  const auto shape = file.shape(data);
  std::vector<AxisRole> roles;
  bool has_y = false;
  bool has_x = false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    const std::string dimension = fmt::format("{}/dim{}", group, axis + 1);
    const auto name = file.exists(dimension) ? text_attribute_or_empty(file, dimension, "name") : "";
    if (name == "scanY")
      roles.push_back(AxisRole::scan_y);
    else if (name == "scanX")
      roles.push_back(AxisRole::scan_x);
    else if (name == "colour")
      roles.push_back(AxisRole::single);
    else if (name == "detY")
      roles.push_back(AxisRole::pattern_y), has_y = true;
    else if (name == "detX")
      roles.push_back(AxisRole::pattern_x), has_x = true;
    else {
      throw input_error(
          "{}: axis {} of {} is called '{}' (an fpd file has scanY, scanX, colour, detY, detX): the file is "
          "damaged or of a newer version",
          file.path().string(), axis + 1, data, name);
    }
  }
  std::vector<AxisRole> in_use = roles;
  in_use.erase(std::remove(in_use.begin(), in_use.end(), AxisRole::single), in_use.end());
  const bool ordered = std::is_sorted(in_use.begin(), in_use.end());
  if (!has_y || !has_x || !ordered) {
    throw input_error(
        "{}: {} lacks its detector axes or has them in another order than detY, detX last: the file is "
        "damaged",
        file.path().string(), data);
  }
  ScanDescription description;
  description.format = "fpd HDF5";
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

}  // namespace mesoglass::scan
