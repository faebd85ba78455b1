// What was built, measured on the voxels themselves.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/stz_catalog.hpp"

namespace mesoglass::catalog {

// Two-point correlations along one axis of the grid, at whole voxels from 0 to half the box (at most 128 of them); from
// every row of voxels along that axis or, in large grids, an even sample of 4,096 rows or more.
struct AxisCorrelation {
  char axis = 'x';                  // x, y or z
  std::vector<double> distance_nm;  // as long as the next two
  std::vector<double> two_point;    // probability that both voxels are MRO
  std::vector<double> same_domain;  // probability that both belong to one domain
};

struct RealisedStatistics {
  std::vector<double> volume_fraction;           // one a type
  std::vector<std::int64_t> diameter_histogram;  // domains by equivalent diameter
  std::vector<double> diameter_edges_nm;         // one more than bins
  std::vector<AxisCorrelation> correlations;     // x, y and, in 3-D, z
  // Where two_point has come half-way from the fraction f to f^2 (linear interpolation), mean over the axes where it
  // does; NaN where there is none.
  double correlation_length_nm = 0.0;
  double mean_diameter_nm = 0.0;  // NaN without domains
  double diameter_deviation_nm = 0.0;
};

// Diameter (nm) of the disc (2-D) or sphere (3-D) with the volume of `voxels` voxels. Pure.
[[nodiscard]] double equivalent_diameter_nm(const VoxelGrid& grid, double voxels) noexcept;

// The same on any number of ranks. Collective.
[[nodiscard]] RealisedStatistics realised_statistics(const Communicator& communicator, const Catalog& catalog);

}  // namespace mesoglass::catalog
