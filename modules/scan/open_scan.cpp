// Telling what a file is, by content first.
#include <algorithm>
#include <array>
#include <cctype>

#include "scan/frame_file.hpp"
#include "scan/hdf5_scan.hpp"
#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

namespace {

bool begins_with(const std::string& text, const std::string& beginning) {
  return text.rfind(beginning, 0) == 0;
}

// HDF5's signature stands at byte 0, or at 512, 1024, ... behind a user block.
bool has_hdf5_signature(const std::string& beginning) {
  static const std::string signature = "\x89HDF\r\n\x1a\n";
  for (std::size_t offset = 0; offset + signature.size() <= beginning.size(); offset = offset == 0 ? 512 : offset * 2) {
    if (beginning.compare(offset, signature.size(), signature) == 0) return true;
  }
  return false;
}

std::string lower_extension(const Path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return extension;
}

[[noreturn]] void refuse_unknown(const Path& path, const std::string& extension) {
  static constexpr std::array<const char*, 9> convertible = {".dm3", ".dm4", ".tif",   ".tiff", ".ser",
                                                             ".blo", ".mrc", ".tvips", ".zspy"};
  if (std::find(convertible.begin(), convertible.end(), extension) != convertible.end()) {
    throw input_error(
        "{} is of a format that is not read directly ({}): convert it to .hspy with HyperSpy "
        "(hyperspy.api.load, then save), or to EMD with py4DSTEM",
        path.string(), extension);
  }
  throw input_error(
      "{} is of no known scan format: known are EMPAD .raw and .xml, EMD, py4DSTEM, fpd, HyperSpy and NeXus "
      "HDF5, .npy, Merlin .mib; describe any other binary file by --scan-shape, --pattern-shape and "
      "--element",
      path.string());
}

std::unique_ptr<ScanReader> open_by_content(const Path& path, const ReadOptions& options) {
  (void)checked_file_size(path);
  if (!options.element.empty()) return open_raw_binary(path, options);
  constexpr std::size_t beginning_bytes = 4096;
  const auto beginning = read_beginning(path, beginning_bytes);
  const auto extension = lower_extension(path);
  if (has_hdf5_signature(beginning)) return open_hdf5(path, options);
  if (begins_with(beginning, "\x93NUMPY")) return open_npy(path, options);
  if (begins_with(beginning, "MQ1,")) return open_merlin(path, options);
  if (extension == ".xml") return open_empad_sidecar(path, options);
  if (extension == ".raw") return open_empad_raw(path, options);
  for (const char* name : {".h5", ".hdf5", ".emd", ".hspy", ".nxs"}) {
    if (extension == name) {
      throw input_error(
          "{} is not an HDF5 file, although it is called {} (its signature is missing): the file is damaged "
          "or cut short; copy it again",
          path.string(), extension);
    }
  }
  refuse_unknown(path, extension);
}

}  // namespace

std::unique_ptr<ScanReader> open_hdf5(const Path& path, const ReadOptions& options) {
  const auto open = std::make_shared<OpenHdf5>(path);
  const auto& file = open->file;
  if (file.is_dataset("/fpd_expt/fpd_data/data") || file.has_attribute("/", "fpd_version")) {
    return open_fpd(open, options);
  }
  if (text_attribute_or_empty(file, "/", "file_format") == "HyperSpy" && file.is_group("/Experiments")) {
    return open_hyperspy(open, options);
  }
  bool is_emd1 = text_attribute_or_empty(file, "/", "emd_group_type") == "file";
  bool is_emd0 = false;
  bool is_nexus = !text_attribute_or_empty(file, "/", "default").empty();
  for (const auto& child : file.children("/")) {
    const std::string group = "/" + child;
    if (!file.is_group(group)) continue;
    const auto type = text_attribute_or_empty(file, group, "emd_group_type");
    is_emd1 = is_emd1 || type == "root" || type == "array";
    is_emd0 = is_emd0 || file.has_attribute(group, "version_major") || file.has_attribute(group, "emd_group_type");
    is_nexus = is_nexus || text_attribute_or_empty(file, group, "NX_class") == "NXentry";
  }
  if (is_emd1) return open_emd1(open, options);
  if (is_nexus) return open_nexus(open, options);
  if (options.dataset.empty() || is_emd0) {
    const bool found = !find_groups(file, "/", [&](const std::string& group) {
                          return real_attribute_if_any(file, group, "emd_group_type") == 1.0;
                        }).empty();
    if (found) return open_emd0(open, options);
  }
  if (!options.dataset.empty()) {
    const std::string data = options.dataset.front() == '/' ? options.dataset : "/" + options.dataset;
    ScanDescription description;
    description.format = "HDF5 dataset";
    return make_hdf5_reader(open, data, usual_roles(path.string(), data, file.shape(data).size()),
                            std::move(description), options);
  }
  throw input_error(
      "{} is an HDF5 file of no known scan layout (known: EMD, py4DSTEM, fpd, HyperSpy, NeXus): name the "
      "dataset of the patterns by --dataset",
      path.string());
}

std::unique_ptr<ScanReader> open_scan(const Communicator& communicator, const Path& path, const ReadOptions& options) {
  auto reader = collectively(communicator, [&] {
    auto opened = open_by_content(path, options);
    const auto& scan = opened->description();
    if (options.time_frames && scan.time_frames != *options.time_frames) {
      throw input_error(
          "--time-frames {} contradicts {}, which says itself that it holds {} scan(s) of {} x {} positions: leave the "
          "option away",
          *options.time_frames, path.string(), scan.time_frames, scan.scan_ny, scan.scan_nx);
    }
    return opened;
  });
  if (options.collective) reader->open_together(communicator);
  return reader;
}

}  // namespace mesoglass::scan
