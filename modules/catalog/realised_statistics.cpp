#include "catalog/realised_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {
constexpr std::size_t histogram_bins = 24;
}

double equivalent_diameter_nm(const VoxelGrid& grid, double voxels) noexcept {
  if (grid.dimensions() == 2) {
    return 2.0 * std::sqrt(voxels * grid.voxel_size_nm[0] * grid.voxel_size_nm[1] / units::pi);
  }
  return 2.0 * std::cbrt(0.75 * voxels * grid.voxel_volume_nm3() / units::pi);
}

RealisedStatistics realised_statistics(const Communicator& communicator, const Catalog& catalog) {
  RealisedStatistics result;
  std::vector<std::int64_t> counts(catalog.types.size(), 0);
  for (const std::uint8_t type : catalog.voxel_type) ++counts[type];
  communicator.sum_in_place(std::span<std::int64_t>(counts));
  for (const std::int64_t count : counts) {
    result.volume_fraction.push_back(static_cast<double>(count) / static_cast<double>(catalog.grid.voxel_count()));
  }

  double largest = equivalent_diameter_nm(catalog.grid, 1.0);
  double sum = 0.0;
  double sum_of_squares = 0.0;
  for (const auto& domain : catalog.domains) {
    const double diameter = equivalent_diameter_nm(catalog.grid, domain.voxels);
    largest = std::max(largest, diameter);
    sum += diameter;
    sum_of_squares += diameter * diameter;
  }
  const double bin = 1.001 * largest / histogram_bins;  // the largest falls inside the last bin
  for (std::size_t edge = 0; edge <= histogram_bins; ++edge) {
    result.diameter_edges_nm.push_back(bin * static_cast<double>(edge));
  }
  result.diameter_histogram.assign(histogram_bins, 0);
  for (const auto& domain : catalog.domains) {
    const double diameter = equivalent_diameter_nm(catalog.grid, domain.voxels);
    ++result.diameter_histogram[static_cast<std::size_t>(diameter / bin)];
  }
  const auto count = static_cast<double>(catalog.domains.size());
  if (catalog.domains.empty()) {
    result.mean_diameter_nm = result.diameter_deviation_nm = std::numeric_limits<double>::quiet_NaN();
  } else {
    result.mean_diameter_nm = sum / count;
    result.diameter_deviation_nm =
        std::sqrt(std::max(0.0, sum_of_squares / count - result.mean_diameter_nm * result.mean_diameter_nm));
  }
  return result;
}

}  // namespace mesoglass::catalog
