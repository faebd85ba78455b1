#include "scan/scan_writer.hpp"

#include "scan/empad_layout.hpp"
#include "scan/scan_writers.hpp"

namespace mesoglass::scan {

WriteFormat write_format_of(const std::filesystem::path& path) {
  const auto extension = path.extension().string();
  if (extension == ".raw") return WriteFormat::empad;
  if (extension == ".h5" || extension == ".hdf5" || extension == ".emd") return WriteFormat::emd;
  throw input_error(
      "cannot tell the format of {} (its extension is '{}'): end its name in .raw for EMPAD, or in .h5 or "
      ".emd for EMD",
      path.string(), extension);
}

std::vector<std::filesystem::path> files_of_scan(const std::filesystem::path& path) {
  std::vector<std::filesystem::path> files = {path};
  if (write_format_of(path) == WriteFormat::empad) {
    files.push_back(path);
    files.back().replace_extension(".xml");
  }
  return files;
}

double scan_file_bytes(const ScanDescription& description, WriteFormat format) {
  const double footer = format == WriteFormat::empad ? static_cast<double>(empad_footer_bytes) : 0.0;
  return static_cast<double>(description.total_patterns()) * (static_cast<double>(description.pixels()) * 4.0 + footer);
}

std::unique_ptr<ScanWriter> create_scan(const Communicator& communicator, const std::filesystem::path& path,
                                        const ScanDescription& description, IfExists if_exists) {
  // Every rank has the same arguments, so all throw together.
  const auto format = write_format_of(path);
  if (format == WriteFormat::empad) {
    if (description.time_frames > 1) {
      throw Error(ExitCode::bad_input,
                  fmt::format("EMPAD files hold one scan, not a time series of {}: write EMD (.h5) instead of {}",
                              description.time_frames, path.string()),
                  true);
    }
    if (description.pattern_ny != empad_side || description.pattern_nx != empad_side) {
      throw Error(ExitCode::bad_input,
                  fmt::format("EMPAD files hold patterns of {} x {} pixels, not {} x {}: write EMD (.h5) instead of {}",
                              empad_side, empad_side, description.pattern_ny, description.pattern_nx, path.string()),
                  true);
    }
    return create_empad(communicator, path, description, if_exists);
  }
  return create_emd(communicator, path, description, if_exists);
}

}  // namespace mesoglass::scan
