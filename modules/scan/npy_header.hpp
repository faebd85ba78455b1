// The header of a numpy .npy file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace mesoglass::scan {

struct NpyHeader {
  std::string type;                 // numpy's name: "<f4", "|b1"
  std::vector<std::int64_t> shape;  // slowest axis first
  std::int64_t data_begin = 0;      // byte in the file
};

// Format versions 1 to 3, arrays in C order only. Throws input_error. Not collective.
[[nodiscard]] NpyHeader read_npy_header(const std::filesystem::path& path);

}  // namespace mesoglass::scan
