// NeXus files: the default plot of the default entry, else the only NXdata whose signal can be a scan.
#include <algorithm>

#include "scan/hdf5_scan.hpp"

namespace mesoglass::scan {

namespace {

std::string signal_of(const Hdf5File& file, const std::string& group) {
  const auto name = text_attribute_or_empty(file, group, "signal");
  if (name.empty()) return {};
  const std::string data = group + "/" + name;
  return file.is_dataset(data) ? data : std::string();
}

std::vector<std::string> text_attributes_or_empty(const Hdf5File& file, const std::string& object,
                                                  const std::string& name) {
  try {
    return file.attribute_texts(object, name);
  } catch (const Error&) {
    return {};
  }
}

}  // namespace

std::unique_ptr<ScanReader> open_nexus(const SharedHdf5& open, const ReadOptions& options) {
  const auto& file = open->file;
  std::vector<std::string> candidates;
  std::string spectra;
  (void)find_groups(file, "/", [&](const std::string& group) {
    if (text_attribute_or_empty(file, group, "NX_class") != "NXdata") return false;
    const auto data = signal_of(file, group);
    if (data.empty()) return false;
    const auto meaning =
        text_attribute_or_empty(file, group, "interpretation") + text_attribute_or_empty(file, data, "interpretation");
    const auto axes = file.shape(data).size();
    if (meaning.find("spectrum") != std::string::npos || meaning.find("scalar") != std::string::npos)
      spectra = data;
    else if (axes >= 3 && axes <= 5)
      candidates.push_back(data);
    return false;
  });
  if (candidates.empty() && !spectra.empty() && options.dataset.empty()) {
    throw input_error("{} holds no diffraction patterns ({} is a set of spectra): name another dataset by --dataset",
                      file.path().string(), spectra);
  }
  if (options.dataset.empty() && candidates.size() > 1) {
    const auto entry = text_attribute_or_empty(file, "/", "default");
    if (!entry.empty() && file.is_group("/" + entry)) {
      const auto plot = text_attribute_or_empty(file, "/" + entry, "default");
      const std::string group = "/" + entry + "/" + plot;
      if (!plot.empty() && file.is_group(group)) {
        if (const auto data = signal_of(file, group); !data.empty()) candidates = {data};
      }
    }
  }
  const auto data = choose_dataset(file, candidates, options.dataset, "NeXus");
  const std::string group = data.substr(0, data.find_last_of('/'));
  std::vector<std::string> names;
  if (file.has_attribute(group, "axes")) names = text_attributes_or_empty(file, group, "axes");
  const auto shape = file.shape(data);
  if (names.size() != shape.size()) {
    if (std::any_of(names.begin(), names.end(), names_the_time)) {
      throw input_error("{}: {} has {} axes but {} names {} ({}): give every axis its name, \".\" where it has none",
                        file.path().string(), data, shape.size(), group, names.size(), fmt::join(names, ", "));
    }
    names.assign(shape.size(), "");
  }
  const auto roles = roles_of_named_axes(file.path().string(), data, names);
  ScanDescription description;
  description.format = "NeXus";
  if (const auto time = time_axis_of(roles); time && file.is_dataset(group + "/" + names[*time])) {
    const std::string axis = group + "/" + names[*time];
    description.frame_interval_s = {
        frame_interval_if_any(file, axis, text_attribute_or_empty(file, axis, "units"), shape[*time]), axis};
  }
  return make_hdf5_reader(open, data, roles, std::move(description), options);
}

}  // namespace mesoglass::scan
