// Every parser of scan headers, and of texts and masks that users give, behind one call, for the fuzz targets and for the replay of their corpus.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mesoglass::test {

using HeaderBytes = std::span<const std::uint8_t>;

struct HeaderParser {
  std::string name;  // of the target and of its corpus folder
  // Reads the bytes as that header, in files in `folder`. Bad input is refused by an Error of exit code 2; anything
  // else (another exception, a crash) is a defect and escapes.
  std::function<void(HeaderBytes bytes, const std::filesystem::path& folder)> parse;
};

// npy, merlin (.mib), merlin-companion (.hdr), empad-sidecar (.xml), hdf5-tree, option-texts, mask-text, mask-npy and
// type-entries (--type of mg-phantom and of mg-catalog).
[[nodiscard]] const std::vector<HeaderParser>& header_parsers();
[[nodiscard]] const HeaderParser& header_parser(const std::string& name);

// Builds an HDF5 file from bytes, as a program for a small machine: groups, attributes and datasets with the names and
// values that the readers look for, in places where they do not expect them. Damaged HDF5 itself is the library's
// matter.
void write_hdf5_tree(HeaderBytes program, const std::filesystem::path& path);

}  // namespace mesoglass::test
