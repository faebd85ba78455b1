// Scans inside HDF5 files: finding the dataset in a tree, and reading rows of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scan/scan_formats.hpp"

namespace mesoglass::scan {

// What an axis of the stored array counts.
enum class AxisRole { time, scan_y, scan_x, scan_flat, pattern_y, pattern_x, single };

// (ky, kx), (position, ky, kx), (y, x, ky, kx) or (time, y, x, ky, kx) for 2 to 5 axes. Throws input_error.
[[nodiscard]] std::vector<AxisRole> usual_roles(const std::string& path, const std::string& dataset, std::size_t axes);

// An axis called "time" or "t". Pure.
[[nodiscard]] bool names_the_time(std::string axis);

// The same for axes with names, in storage order ("" where there is none): one that names the time is the time,
// wherever it stands before the pattern's own, and what is left are no, flat or two scan axes. Throws input_error, also
// where two axes name the time or one of the pattern's does.
[[nodiscard]] std::vector<AxisRole> roles_of_named_axes(const std::string& path, const std::string& dataset,
                                                        const std::vector<std::string>& names);
// Which axis is the time; nothing where none is.
[[nodiscard]] std::optional<std::size_t> time_axis_of(const std::vector<AxisRole>& roles);

// Makes the reader of `dataset`, whose axes have these roles in storage order (time, y, x, ky, kx, with `single` ones
// anywhere, of which index 0 is read). Completes the description: path, dataset, sizes, element type, chunks,
// compression; the caller has set format and calibration. A flat axis of positions is folded by the user's scan shape.
// Throws input_error for a missing filter, a wrong number of axes, a scan shape that does not fit, or text.
[[nodiscard]] std::unique_ptr<ScanReader> make_hdf5_reader(const SharedHdf5& open, const std::string& dataset,
                                                           const std::vector<AxisRole>& roles,
                                                           ScanDescription description, const ReadOptions& options);

// Visits every group below `start` once, itself included, parents first; returns where `visit` returned true. A group
// that links show under several names is visited under the shortest path.
[[nodiscard]] std::vector<std::string> find_groups(const Hdf5File& file, const std::string& start,
                                                   const std::function<bool(const std::string&)>& visit);

// The one candidate dataset, or the one that the user names. Throws input_error that lists them.
[[nodiscard]] std::string choose_dataset(const Hdf5File& file, const std::vector<std::string>& candidates,
                                         const std::string& wanted, const std::string& format);

// A text attribute, or "" where it is missing or no text; a number likewise.
[[nodiscard]] std::string text_attribute_or_empty(const Hdf5File& file, const std::string& object,
                                                  const std::string& name);
[[nodiscard]] std::optional<double> real_attribute_if_any(const Hdf5File& file, const std::string& object,
                                                          const std::string& name);
// A number or text dataset of one value, or nothing.
[[nodiscard]] std::optional<double> single_real_if_any(const Hdf5File& file, const std::string& dataset);
[[nodiscard]] std::string single_text_or_empty(const Hdf5File& file, const std::string& dataset);
// Distance between the first two values of an axis dataset (both linear and full axes have two), or nothing.
[[nodiscard]] std::optional<double> axis_step_if_any(const Hdf5File& file, const std::string& dataset);

// The interval, in seconds, of a time axis stored as all its values in this unit; nothing where there are no values, or
// all the same, or the unit is none of time. Throws input_error where the values are not evenly spaced or are not one a
// frame.
[[nodiscard]] std::optional<double> frame_interval_if_any(const Hdf5File& file, const std::string& dataset,
                                                          const std::string& unit, std::uint64_t frames);

}  // namespace mesoglass::scan
