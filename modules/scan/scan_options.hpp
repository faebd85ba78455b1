// The options by which a person corrects or completes what a scan's file says; the same in every program that reads
// one.
#pragma once

#include "core/option_table.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

// Declares --scan-shape, --k-per-pixel, --scan-step, --voltage, --gain, --time-frames, --frame-interval, --dataset and
// the raw layout (--pattern-shape,
// --element, --header-bytes, --frame-stride) in the group "Scan".
void add_scan_options(OptionTable& table);

// The values of those options. Throws input_error for a malformed shape.
[[nodiscard]] ReadOptions read_scan_options(const Options& options);

// "64x128" -> (64, 128): rows (slow) first. Throws input_error naming `option`. Pure.
[[nodiscard]] std::pair<std::int64_t, std::int64_t> parse_shape(const std::string& typed, const std::string& option);

}  // namespace mesoglass::scan
