// What was built, measured on the voxels themselves.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/stz_catalog.hpp"

namespace mesoglass::catalog {

struct RealisedStatistics {
  std::vector<double> volume_fraction;           // one a type
  std::vector<std::int64_t> diameter_histogram;  // domains by equivalent diameter
  std::vector<double> diameter_edges_nm;         // one more than bins
  // Two-point correlation along x, at whole voxels from 0 to half the box (at most 128 of them); from every row
  // of x or, in large grids, an even sample of 32,768 rows or more.
  std::vector<double> correlation_distance_nm;
  std::vector<double> two_point;    // both voxels are MRO
  std::vector<double> same_domain;  // both belong to one domain
  // Where two_point has come half-way from the fraction f to f^2 (linear interpolation); NaN without domains, or where
  // it does not within those distances.
  double correlation_length_nm = 0.0;
  double mean_diameter_nm = 0.0;  // NaN without domains
  double diameter_deviation_nm = 0.0;
};

// Diameter (nm) of the disc (2-D) or sphere (3-D) with the volume of `voxels` voxels. Pure.
[[nodiscard]] double equivalent_diameter_nm(const VoxelGrid& grid, double voxels) noexcept;

// The same on any number of ranks. Collective.
[[nodiscard]] RealisedStatistics realised_statistics(const Communicator& communicator, const Catalog& catalog);

}  // namespace mesoglass::catalog
