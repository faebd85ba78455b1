// EMPAD v1 .raw with its .xml, written by all ranks at once: frames have fixed places, so no rank waits for another.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <pugixml.hpp>
#include <sstream>

#include "core/units.hpp"
#include "scan/empad_layout.hpp"
#include "scan/scan_writers.hpp"

namespace mesoglass::scan {

namespace {

std::string sidecar_text(const std::filesystem::path& raw_file, const ScanDescription& scan) {
  pugi::xml_document document;
  auto root = document.append_child("root");
  root.append_attribute("name") = raw_file.stem().c_str();
  const auto add = [](pugi::xml_node parent, const char* name, const std::string& text) {
    parent.append_child(name).text().set(text.c_str());
  };
  add(root, "software_version", "mesoglass");
  add(root, "type", "scan");
  add(root, "pix_x", fmt::format("{}", scan.scan_nx));
  add(root, "pix_y", fmt::format("{}", scan.scan_ny));
  root.append_child("raw_file").append_attribute("filename") = raw_file.filename().c_str();
  auto parameters = root.append_child("scan_parameters");
  parameters.append_attribute("mode") = "acquire";
  add(parameters, "scan_resolution_x", fmt::format("{}", scan.scan_nx));
  add(parameters, "scan_resolution_y", fmt::format("{}", scan.scan_ny));
  auto measured = root.append_child("iom_measurements");
  if (scan.voltage_v.value) add(measured, "source.get_voltage", fmt::format("{:.17g}", *scan.voltage_v.value));
  if (scan.scan_step_nm.value) {
    const double step_m = *scan.scan_step_nm.value / units::nm_per_m;
    add(measured, "optics.get_full_scan_field_of_view",
        fmt::format("[{:.17g}, {:.17g}]", step_m * static_cast<double>(scan.scan_nx),
                    step_m * static_cast<double>(scan.scan_ny)));
  }
  if (scan.k_per_pixel_inverse_nm.value && scan.voltage_v.value) {
    add(measured, "calibrated_diffraction_angle",
        fmt::format("{:.17g}",
                    *scan.k_per_pixel_inverse_nm.value * units::electron_wavelength_nm(*scan.voltage_v.value)));
  }
  if (scan.gain.value) add(measured, "detector_units_per_electron", fmt::format("{:.17g}", *scan.gain.value));
  std::ostringstream stream;
  document.save(stream, "  ");
  return stream.str();
}

class EmpadWriter : public ScanWriter {
 public:
  EmpadWriter(const Communicator& communicator, const std::filesystem::path& path, const ScanDescription& description,
              IfExists if_exists)
      : communicator_(communicator),
        description_(description),
        raw_(communicator, path, if_exists),
        sidecar_(communicator, std::filesystem::path(path).replace_extension(".xml"), if_exists) {
    const auto file_bytes = static_cast<std::int64_t>(scan_file_bytes(description, WriteFormat::empad));
    on_root(communicator_, [&] {
      open(O_RDWR | O_CREAT | O_TRUNC);
      // The full size at once: a disk that is too small is found before the work. Where the file system cannot reserve,
      // the size alone is set.
      const int reserved = ::posix_fallocate(descriptor_, 0, file_bytes);
      if (reserved == ENOSPC || reserved == EFBIG || reserved == EDQUOT) fail("reserve room for", reserved);
      if (reserved != 0 && ::ftruncate(descriptor_, file_bytes) != 0) fail("size", errno);
    });
    collectively(communicator_, [&] {
      if (!communicator_.is_root()) open(O_RDWR);
    });
  }
  ~EmpadWriter() override {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  void write_rows(std::int64_t first_row, std::int64_t row_count, std::span<const float> patterns) override {
    collectively(communicator_, [&] {
      const std::int64_t first = first_row * description_.scan_nx;
      const std::int64_t count = row_count * description_.scan_nx;
      constexpr std::int64_t frames_per_call = 64;
      constexpr auto pixels = static_cast<std::size_t>(empad_side * empad_side);
      std::vector<std::byte> frames;
      for (std::int64_t done = 0; done < count; done += frames_per_call) {
        const auto batch = std::min(frames_per_call, count - done);
        frames.assign(static_cast<std::size_t>(batch * empad_frame_bytes), std::byte{0});
        for (std::int64_t i = 0; i < batch; ++i) {
          std::memcpy(frames.data() + i * empad_frame_bytes,
                      patterns.data() + static_cast<std::size_t>(done + i) * pixels, pixels * sizeof(float));
        }
        write_bytes(frames, (first + done) * empad_frame_bytes);
      }
    });
  }

  void commit(const std::function<void(Hdf5File&)>&) override {
    collectively(communicator_, [&] {
      const int closed = ::close(std::exchange(descriptor_, -1));
      if (closed != 0) fail("close", errno);
    });
    on_root(communicator_,
            [&] { write_text_file(sidecar_.temporary_path(), sidecar_text(raw_.final_path(), description_)); });
    // The .raw last: its presence means a complete scan.
    sidecar_.commit();
    raw_.commit();
  }

 private:
  void open(int flags) {
    descriptor_ = ::open(raw_.temporary_path().c_str(), flags | O_CLOEXEC, 0666);
    if (descriptor_ < 0) fail("open", errno);
  }
  [[noreturn]] void fail(const char* action, int error) const {
    throw failure("cannot {} {} ({}): check the free space, quota and permissions", action,
                  raw_.temporary_path().string(), std::strerror(error));
  }
  void write_bytes(std::span<const std::byte> bytes, std::int64_t offset) const {
    while (!bytes.empty()) {
      const auto written = ::pwrite(descriptor_, bytes.data(), bytes.size(), offset);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) fail("write", errno);
      bytes = bytes.subspan(static_cast<std::size_t>(written));
      offset += written;
    }
  }

  const Communicator& communicator_;
  ScanDescription description_;
  AtomicOutput raw_;
  AtomicOutput sidecar_;
  int descriptor_ = -1;
};

}  // namespace

std::unique_ptr<ScanWriter> create_empad(const Communicator& communicator, const std::filesystem::path& path,
                                         const ScanDescription& description, IfExists if_exists) {
  return std::make_unique<EmpadWriter>(communicator, path, description, if_exists);
}

}  // namespace mesoglass::scan
