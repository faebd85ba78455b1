// What tests of whole runs share.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/hdf5_file.hpp"
#include "core/provenance.hpp"
#include "planted_glass.hpp"

namespace mesoglass::test {

inline Provenance no_provenance() {
  return {"test", "test", "", 1};
}

// Every number of /history, /events and /avalanches, and the last snapshot.
inline std::map<std::string, std::vector<double>> everything_in(const Communicator& alone,
                                                                const std::filesystem::path& path) {
  const auto file = Hdf5File::open(alone, path);
  std::map<std::string, std::vector<double>> result;
  for (const std::string group : {"/history", "/events", "/avalanches", "/snapshots/000"}) {
    if (!file.is_group(group)) continue;
    for (const auto& name : file.children(group)) {
      result[group + "/" + name] = file.read<double>(group + "/" + name);
    }
  }
  return result;
}

// A map with every kind of voxel: two kinds of order beside the matrix.
inline catalog::Catalog mixed_glass(const Communicator& comm, std::int64_t nx, std::int64_t ny, std::int64_t nz) {
  auto glass = matrix_glass(comm, nx, ny, nz);
  auto weak = glass.types.front();
  weak.name = "weak";
  weak.modes = 12;
  weak.amplitude = 0.5;
  weak.softening = 0.9;
  auto strong = glass.types.front();
  strong.name = "strong";
  strong.modes = 2;
  strong.amplitude = 0.8;
  strong.softening = 0.01;
  glass.types.push_back(weak);
  glass.types.push_back(strong);
  catalog::Domain domain;
  domain.type = 1;
  domain.rotation = {0.8F, 0.0F, 0.0F, 0.6F};
  glass.domains.push_back(domain);
  domain.type = 2;
  domain.rotation = {0.6F, 0.0F, 0.0F, 0.8F};
  glass.domains.push_back(domain);
  const Range own = glass.grid.voxels_of(comm.rank(), comm.size());
  for (std::int64_t v = own.begin; v < own.end; ++v) {
    const int kind = v % 10 < 2 ? 1 + static_cast<int>((v / 10) % 2) : 0;
    glass.voxel_type[static_cast<std::size_t>(v - own.begin)] = static_cast<std::uint8_t>(kind);
    glass.voxel_domain[static_cast<std::size_t>(v - own.begin)] = kind - 1;
  }
  return glass;
}

}  // namespace mesoglass::test
