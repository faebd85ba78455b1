// EMD 1.0 scans as py4DSTEM 0.14 and later reads them: /datacube_root/datacube with axes, and the calibration beside
// it.
#include <algorithm>

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
      : output_ranks_(communicator),
        description_(description),
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
    // A DataCube of py4DSTEM has four axes.
    file_.set_attribute(cube, "python_class", is_series() ? "Array" : "DataCube");
    file_.create_dataset<float>(cube + "/data", shape(description.time_frames, description.scan_ny), "detector units",
                                is_series() ? "diffraction patterns (time, scan y, scan x, ky, kx)"
                                            : "diffraction patterns (scan y, scan x, ky, kx)");
    int axis = 0;
    if (is_series()) write_axis(file_, axis++, "time", description.frame_interval_s, "s");
    // py4DSTEM calls the slow axis x.
    write_axis(file_, axis++, "Rx", description.scan_step_nm, "nm");
    write_axis(file_, axis++, "Ry", description.scan_step_nm, "nm");
    write_axis(file_, axis++, "Qx", inverse_angstrom(), "A^-1");
    write_axis(file_, axis, "Qy", inverse_angstrom(), "A^-1");
    write_calibration();
  }

  void write_rows(std::int64_t first_row, std::int64_t row_count, std::span<const float> patterns) override {
    if (!is_series()) return write_piece(0, first_row, row_count, patterns);
    // Rows of several frames are several pieces; all ranks write equally many.
    const std::int64_t ny = description_.scan_ny;
    const auto pieces =
        output_ranks_.max(row_count > 0 ? (first_row + row_count - 1) / ny - first_row / ny + 1 : std::int64_t{0});
    for (std::int64_t piece = 0; piece < pieces; ++piece) {
      const std::int64_t rows = std::min(row_count, ny - first_row % ny);
      const auto values = static_cast<std::size_t>(rows * description_.values_per_row());
      write_piece(first_row / ny, first_row % ny, rows, patterns.first(values));
      patterns = patterns.subspan(values);
      first_row += rows;
      row_count -= rows;
    }
  }

  void commit(const std::function<void(Hdf5File&)>& add_to_hdf5) override {
    if (add_to_hdf5) add_to_hdf5(file_);
    file_.close();
    output_.commit();
  }

 private:
  [[nodiscard]] bool is_series() const { return description_.time_frames > 1; }

  [[nodiscard]] Shape shape(std::int64_t frames, std::int64_t rows) const {
    Shape result = {static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(description_.scan_nx),
                    static_cast<std::uint64_t>(description_.pattern_ny),
                    static_cast<std::uint64_t>(description_.pattern_nx)};
    if (is_series()) result.insert(result.begin(), static_cast<std::uint64_t>(frames));
    return result;
  }

  // Rows of one frame, or none. Collective.
  void write_piece(std::int64_t frame, std::int64_t row, std::int64_t rows, std::span<const float> patterns) {
    Shape offset(is_series() ? 5 : 4, 0);
    if (rows > 0) {
      if (is_series()) offset[0] = static_cast<std::uint64_t>(frame);
      offset[offset.size() - 4] = static_cast<std::uint64_t>(row);
    }
    file_.write_part(cube + "/data", offset, shape(1, rows), patterns);
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

  const Communicator& output_ranks_;
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
