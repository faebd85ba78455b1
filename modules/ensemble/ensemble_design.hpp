// What an ensemble runs: groups (glasses, parameters) times seeds, from a design file.
//
// A design file holds lines "name = value". Before the first section stand what all groups share: seeds, reference,
// statistics, and any option of mg-catalog and mg-deform; each section "[NAME]" is a group with its own options, which
// win over the shared ones:
//
//   seeds = 1-7
//   reference = x05
//   parameter-set = 2d
//   final-strain = 0.05
//   sweep = temperature: 250, 300
//   [x0]
//   catalog-config = paper/x0.cfg
//   [x05]
//   glass = x05
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/option_table.hpp"

namespace mesoglass::ensemble {

// One group: all runs of it differ by their seed only.
struct EnsembleGroup {
  std::string name;
  std::optional<std::filesystem::path> catalog_file;  // a catalog.h5 that all seeds share, instead of one built by seed
  std::optional<Options> catalog_options;             // of catalog::add_catalog_options, where the catalog is built
  Options deformation_options;                        // of deformation::add_deformation_options
  std::map<std::string, std::string> inputs;          // option that names a file -> its SHA-256 (identify_inputs)
};

struct EnsembleDesign {
  std::vector<EnsembleGroup> groups;
  std::vector<std::int64_t> seeds;
  std::string reference;     // name of the group that the others are compared with
  bool own_catalogs = true;  // each seed builds a voxel map of its own; false: all use the design's catalog-seed
  std::int64_t catalog_seed = 1;
  double confidence = 0.95;
  double power = 0.8;
  int resamples = 10000;
  int curve_points = 201;

  // Runs are numbered seed by seed, so that a part of an ensemble holds all groups.
  [[nodiscard]] std::int64_t run_count() const noexcept {
    return static_cast<std::int64_t>(groups.size() * seeds.size());
  }
  [[nodiscard]] const EnsembleGroup& group_of(std::int64_t run) const {
    return groups[static_cast<std::size_t>(run) % groups.size()];
  }
  [[nodiscard]] std::int64_t seed_of(std::int64_t run) const {
    return seeds[static_cast<std::size_t>(run) / groups.size()];
  }
};

// The text of a design file. `folder` is what relative paths in it refer to. `replacements` are further "name = value"
// lines that win over everything in the file. Throws InputError that names the file and the line's option. Reads the
// files of catalog-config. Not collective.
[[nodiscard]] EnsembleDesign parse_design(const std::string& text, const std::string& file_name,
                                          const std::filesystem::path& folder,
                                          const std::vector<std::string>& replacements);

// "1-7, 12" -> 1, 2, ... 7, 12. Throws InputError for anything else, repeated seeds, or more than a million. Pure.
[[nodiscard]] std::vector<std::int64_t> parse_seeds(const std::string& text);

}  // namespace mesoglass::ensemble
