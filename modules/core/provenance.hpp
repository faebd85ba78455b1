// Where a result comes from, written into every output as /provenance.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/hdf5_file.hpp"

namespace mesoglass {

class Provenance {
 public:
  Provenance(std::string program, std::string command_line, std::string configuration, int ranks);

  // Records an input with its size and SHA-256, or size and modification time above 1 GiB. Rank 0 reads the file; the
  // others need not call.
  void add_input(const std::filesystem::path& path);
  void set_seed(std::uint64_t seed) { seed_ = seed; }

  // Writes the group /provenance. Collective over the file's communicator.
  void write(Hdf5File& file) const;

 private:
  std::string program_;
  std::string command_line_;
  std::string configuration_;
  int ranks_;
  std::vector<std::string> inputs_;
  std::optional<std::uint64_t> seed_;
  std::chrono::system_clock::time_point start_ = std::chrono::system_clock::now();
};

// SHA-256 of a file's bytes, hexadecimal. Throws InputError.
[[nodiscard]] std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace mesoglass
