// Small scan files made by hand, byte by byte, so that a reader is never judged by this project's own writer alone.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::test {

// The value that sample files hold at a place: different everywhere, exact in 16 bits and in a float.
[[nodiscard]] float sample_value(std::int64_t row, std::int64_t column, std::int64_t ky, std::int64_t kx);

// All of a scan, (row, column, ky, kx). In a time series the rows of all frames count on.
[[nodiscard]] std::vector<float> sample_values(std::int64_t rows, std::int64_t columns, std::int64_t ky_count,
                                               std::int64_t kx_count);

// Bytes of a little-endian float.
void append_float(std::string& bytes, float value);
// An EMPAD file's bytes: 128 x 128 patterns of sample_value, each followed by `footer_bytes` of 0xFF (NaN as floats).
[[nodiscard]] std::string empad_bytes(std::int64_t ny, std::int64_t nx, std::int64_t footer_bytes);

// The same as big-endian 16-bit counts, each pattern behind `before_frame`.
[[nodiscard]] std::string big_endian_16(std::int64_t ny, std::int64_t nx, std::int64_t ky_count, std::int64_t kx_count,
                                        const std::string& before_frame);

// Written by rank 0. Collective.
void write_bytes(const std::filesystem::path& path, const std::string& bytes);

// Every rank reads every pattern and finds sample_value, in one call and row by row. Collective.
void expect_sample_values(const scan::ScanReader& reader);

// Opening fails on every rank with exit code 2 and a message that holds every given text. Collective.
void expect_refused(const std::filesystem::path& path, const std::vector<std::string>& mentions,
                    const scan::ReadOptions& options = {});

}  // namespace mesoglass::test
