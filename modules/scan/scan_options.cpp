#include "scan/scan_options.hpp"

#include <charconv>

#include "scan/element_format.hpp"

namespace mesoglass::scan {

std::pair<std::int64_t, std::int64_t> parse_shape(const std::string& typed, const std::string& option) {
  constexpr std::int64_t largest = std::int64_t{1} << 24;
  const auto cross = typed.find('x');
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  bool valid = cross != std::string::npos;
  if (valid) {
    const char* text = typed.data();
    const auto first = std::from_chars(text, text + cross, rows);
    const auto second = std::from_chars(text + cross + 1, text + typed.size(), columns);
    valid = first.ec == std::errc() && first.ptr == text + cross && second.ec == std::errc() &&
            second.ptr == text + typed.size() && rows >= 1 && columns >= 1 && rows <= largest && columns <= largest;
  }
  if (!valid) {
    throw input_error(
        "{} {} is not a shape (two whole numbers from 1 to {}): write rows x columns, slow axis first, "
        "for example 64x128",
        option, typed, largest);
  }
  return {rows, columns};
}

void add_scan_options(OptionTable& table) {
  table.group("Scan");
  table.text("scan-shape")
      .unit("rows x columns")
      .text(
          "Probe positions, slow axis first, for example 256x256. Only where the file does not say, or says it "
          "wrongly.");
  table.real("k-per-pixel")
      .unit("nm^-1")
      .range(1e-6, 1e3)
      .text("Scattering vector k = 1/d that one detector pixel spans; wins over the file's calibration.");
  table.real("scan-step")
      .unit("nm")
      .range(1e-6, 1e6)
      .text("Distance between neighbouring probe positions; wins over the file's calibration.");
  table.real("voltage").unit("V").range(1e3, 1e7).text(
      "Accelerating voltage, for files that state angles instead of k.");
  table.real("gain")
      .unit("detector units an electron")
      .range(1e-9, 1e12)
      .text(
          "Counts or units that one electron leaves in a pattern: 1 for a counting detector. Shot noise is computed "
          "from it.");
  table.integer("time-frames")
      .range(2, 1e9)
      .unit("scans")
      .text(
          "The file's patterns are so many scans of the same positions, one after another: a time series, in a file "
          "that has no time axis of its own.");
  table.real("frame-interval")
      .unit("s")
      .range(1e-12, 1e9)
      .text("Time from one scan of a time series to the next; wins over the file's time axis.");
  table.text("dataset", "")
      .text("Path of the patterns inside an HDF5 file that holds several, for example /entry/data.");
  table.text("hdf5-reading", "collective")
      .choices({"collective", "independent"})
      .text(
          "How several ranks read an HDF5 file: all in one call, which a parallel file system can serve in large "
          "pieces, or each by itself.");
  table.text("pattern-shape")
      .unit("rows x columns")
      .text("Detector pixels of one pattern, for a raw file without a header (with --element).");
  table.text("element", "")
      .text(
          "How a raw file stores a number, numpy's way: <f4 is a little-endian 32-bit real, >u2 a big-endian 16-bit "
          "count.");
  table.integer("header-bytes", 0).unit("bytes").range(0, 1e12).text("Bytes before the first pattern of a raw file.");
  table.integer("frame-stride")
      .unit("bytes")
      .range(1, 1e12)
      .text("Bytes from one pattern's beginning to the next in a raw file; default: patterns follow without a gap.");
}

ReadOptions read_scan_options(const Options& options) {
  ReadOptions result;
  if (options.has("scan-shape")) result.scan_shape = parse_shape(options.text("scan-shape"), "--scan-shape");
  if (options.has("k-per-pixel")) result.k_per_pixel_inverse_nm = options.real("k-per-pixel");
  if (options.has("scan-step")) result.scan_step_nm = options.real("scan-step");
  if (options.has("voltage")) result.voltage_v = options.real("voltage");
  if (options.has("gain")) result.gain = options.real("gain");
  if (options.has("time-frames")) result.time_frames = options.integer("time-frames");
  if (options.has("frame-interval")) result.frame_interval_s = options.real("frame-interval");
  result.dataset = options.text("dataset");
  result.collective = options.text("hdf5-reading") == "collective";
  if (options.has("pattern-shape"))
    result.pattern_shape = parse_shape(options.text("pattern-shape"), "--pattern-shape");
  result.element = options.text("element");
  if (!result.element.empty() && !parse_element(result.element)) {
    throw input_error(
        "--element {} is not a number's name (an integer or real of 1 to 8 bytes): write for example <f4, "
        ">u2 or u1",
        result.element);
  }
  result.header_bytes = options.integer("header-bytes");
  if (options.has("frame-stride")) result.frame_stride_bytes = options.integer("frame-stride");
  return result;
}

}  // namespace mesoglass::scan
