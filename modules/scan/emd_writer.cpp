// EMD 1.0 scans as py4DSTEM 0.14 and later reads them: /datacube_root/datacube with axes, and the calibration beside
// it.
#include "scan/scan_writers.hpp"

namespace mesoglass::scan {

namespace {

const std::string root = "/datacube_root";
const std::string cube = root + "/datacube";
const std::string bundle = root + "/metadatabundle";
const std::string calibration = bundle + "/calibration";

void write_axis(Hdf5File& file, int number, const std::string& name, const CalibrationValue& step,
                const std::string& unit) {
  const std::string dataset = fmt::format("{}/dim{}", cube, number);
  // Two values make a linear axis.
  const std::vector<double> values = {0.0, step.value.value_or(1.0)};
  file.write(dataset, values, step.value ? unit : "pixels", "first two positions along " + name);
  file.set_attribute(dataset, "name", name);
}

class EmdWriter : public ScanWriter {
 public:
  EmdWriter(const Communicator& communicator, const std::filesystem::path& path, const ScanDescription& description,
            IfExists if_exists)
      : description_(description),
        output_(communicator, path, if_exists),
        file_(Hdf5File::create(communicator, output_.temporary_path())) {
    file_.set_attribute("/", "emd_group_type", "file");
    file_.set_attribute("/", "version_major", std::int64_t{1});
    file_.set_attribute("/", "version_minor", std::int64_t{0});
    file_.set_attribute("/", "authoring_program", "mesoglass");
    file_.create_group(cube);
    file_.set_attribute(root, "emd_group_type", "root");
    file_.set_attribute(root, "python_class", "Root");
    file_.set_attribute(cube, "emd_group_type", "array");
    file_.set_attribute(cube, "python_class", "DataCube");
    file_.create_dataset<float>(cube + "/data", shape(description.scan_ny, description.scan_nx), "detector units",
                                "diffraction patterns (scan y, scan x, ky, kx)");
    // py4DSTEM calls the slow axis x.
    write_axis(file_, 0, "Rx", description.scan_step_nm, "nm");
    write_axis(file_, 1, "Ry", description.scan_step_nm, "nm");
    write_axis(file_, 2, "Qx", inverse_angstrom(), "A^-1");
    write_axis(file_, 3, "Qy", inverse_angstrom(), "A^-1");
    write_calibration();
  }

  void write_rows(std::int64_t first_row, std::int64_t row_count, std::span<const float> patterns) override {
    const Shape offset = row_count > 0 ? Shape{static_cast<std::uint64_t>(first_row), 0, 0, 0} : Shape{0, 0, 0, 0};
    file_.write_part(cube + "/data", offset, shape(row_count, description_.scan_nx), patterns);
  }

  void commit(const std::function<void(Hdf5File&)>& add_to_hdf5) override {
    if (add_to_hdf5) add_to_hdf5(file_);
    file_.close();
    output_.commit();
  }

 private:
  [[nodiscard]] Shape shape(std::int64_t rows, std::int64_t columns) const {
    return {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns),
            static_cast<std::uint64_t>(description_.pattern_ny), static_cast<std::uint64_t>(description_.pattern_nx)};
  }

  // py4DSTEM knows Q in 1/A only.
  [[nodiscard]] CalibrationValue inverse_angstrom() const {
    auto value = description_.k_per_pixel_inverse_nm;
    if (value.value) *value.value *= 0.1;
    return value;
  }

  void write_calibration() {
    file_.create_group(calibration);
    file_.set_attribute(bundle, "emd_group_type", "metadatabundle");
    file_.set_attribute(calibration, "emd_group_type", "metadata");
    file_.set_attribute(calibration, "python_class", "Calibration");
    const auto number = [&](const std::string& name, const std::optional<double>& value, const std::string& unit,
                            const std::string& text) {
      if (!value) return;
      file_.write_scalar(calibration + "/" + name, *value, unit, text);
      file_.set_attribute(calibration + "/" + name, "type", "number");
    };
    const auto words = [&](const std::string& name, const std::string& value, const std::string& text) {
      file_.write_text(calibration + "/" + name, value, text);
      file_.set_attribute(calibration + "/" + name, "type", "string");
    };
    const auto q = inverse_angstrom();
    number("Q_pixel_size", q.value ? q.value : std::optional(1.0), q.value ? "A^-1" : "pixels",
           "scattering vector a pixel");
    words("Q_pixel_units", q.value ? "A^-1" : "pixels", "unit of Q_pixel_size");
    const auto& r = description_.scan_step_nm;
    number("R_pixel_size", r.value ? r.value : std::optional(1.0), r.value ? "nm" : "pixels",
           "step between probe positions");
    words("R_pixel_units", r.value ? "nm" : "pixels", "unit of R_pixel_size");
    number("voltage_v", description_.voltage_v.value, "V", "accelerating voltage");
    number("gain", description_.gain.value, "detector units an electron", "what one electron leaves in a pattern");
  }

  ScanDescription description_;
  AtomicOutput output_;
  Hdf5File file_;
};

}  // namespace

std::unique_ptr<ScanWriter> create_emd(const Communicator& communicator, const std::filesystem::path& path,
                                       const ScanDescription& description, IfExists if_exists) {
  return std::make_unique<EmdWriter>(communicator, path, description, if_exists);
}

}  // namespace mesoglass::scan
