// One opener a format, for open_scan, which runs them on every rank and lets the ranks fail together: none of these is
// collective. Each checks sizes and calibration, reads no pattern, and throws input_error.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

using Path = std::filesystem::path;

// ---- Flat binary files ----
// EMPAD v1 .raw, with or without its .xml beside it; also frames without footer (processed, EMPAD-G2 exports).
[[nodiscard]] std::unique_ptr<ScanReader> open_empad_raw(const Path&, const ReadOptions&);
// The .xml of an acquisition, which names its .raw.
[[nodiscard]] std::unique_ptr<ScanReader> open_empad_sidecar(const Path&, const ReadOptions&);
// Raw binary laid out as the options say.
[[nodiscard]] std::unique_ptr<ScanReader> open_raw_binary(const Path&, const ReadOptions&);
// numpy .npy, version 1 to 3, C order, 2 to 5 axes.
[[nodiscard]] std::unique_ptr<ScanReader> open_npy(const Path&, const ReadOptions&);
// Merlin .mib: a text header before each frame.
[[nodiscard]] std::unique_ptr<ScanReader> open_merlin(const Path&, const ReadOptions&);

// ---- HDF5 trees, opened by each rank for itself, and by several once more together for the patterns ----
struct OpenHdf5 {
  explicit OpenHdf5(const Path& path) : OpenHdf5(MPI_COMM_SELF, path) {}
  // Collective over `ranks`.
  OpenHdf5(MPI_Comm ranks, const Path& path) : communicator(ranks), file(Hdf5File::open(communicator, path)) {}
  Communicator communicator;
  Hdf5File file;
};
using SharedHdf5 = std::shared_ptr<OpenHdf5>;

// Tells the tree by its marks and opens it.
[[nodiscard]] std::unique_ptr<ScanReader> open_hdf5(const Path&, const ReadOptions&);
[[nodiscard]] std::unique_ptr<ScanReader> open_emd1(const SharedHdf5&, const ReadOptions&);
// EMD 0.x, py4DSTEM 0.13 and older, Prismatic.
[[nodiscard]] std::unique_ptr<ScanReader> open_emd0(const SharedHdf5&, const ReadOptions&);
[[nodiscard]] std::unique_ptr<ScanReader> open_fpd(const SharedHdf5&, const ReadOptions&);
[[nodiscard]] std::unique_ptr<ScanReader> open_hyperspy(const SharedHdf5&, const ReadOptions&);
[[nodiscard]] std::unique_ptr<ScanReader> open_nexus(const SharedHdf5&, const ReadOptions&);

// ---- What they share ----
// Puts the user's calibration over the file's and refuses dimensions that no detector has. Pure.
void finish_description(ScanDescription& description, const ReadOptions& options);

// Makes `patterns` that lie one after another into the scans that --time-frames says, sets the description's
// time_frames and returns the patterns of one scan. Throws input_error where they do not divide.
[[nodiscard]] std::int64_t split_time_frames(ScanDescription& description, std::int64_t patterns,
                                             const ReadOptions& options);

// nm^-1 (or nm) per pixel from a size and its unit's name as files spell it ("A^-1", "1/nm", "[n_m^-1]", "mrad" with
// the voltage), or nothing where the unit says no length. Pure.
[[nodiscard]] std::optional<double> inverse_nm_from_unit(double value, const std::string& unit,
                                                         std::optional<double> voltage_v);
[[nodiscard]] std::optional<double> nm_from_unit(double value, const std::string& unit);
// Seconds from a unit of time ("s", "ms", "min"), or nothing where the unit says none. Pure.
[[nodiscard]] std::optional<double> seconds_from_unit(double value, const std::string& unit);

}  // namespace mesoglass::scan
