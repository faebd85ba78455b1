#include "catalog/realised_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {

constexpr std::size_t histogram_bins = 24;
constexpr std::int64_t most_distances = 128;
// Rows of x beyond which the correlation is sampled: every second, third, ... row.
constexpr std::int64_t most_rows = 65536;

// Counts pairs along the rows of x, which no rank shares: whole numbers, so the same on any number of ranks.
void correlate(const Communicator& communicator, const Catalog& catalog, RealisedStatistics& result) {
  const std::int64_t nx = catalog.grid.nx;
  const std::int64_t distances = std::min(nx / 2, most_distances - 1) + 1;
  std::vector<std::int64_t> both(static_cast<std::size_t>(distances), 0);
  std::vector<std::int64_t> same(static_cast<std::size_t>(distances), 0);
  const auto own = static_cast<std::int64_t>(catalog.voxel_domain.size());
  const std::int64_t rows = catalog.grid.voxel_count() / nx;
  const std::int64_t every = (rows + most_rows - 1) / most_rows;
  const std::int64_t first = catalog.grid.voxels_of(communicator.rank(), communicator.size()).begin / nx;
  for (std::int64_t row = 0; row < own; row += nx) {
    if ((first + row / nx) % every != 0) continue;
    const std::int32_t* domain = catalog.voxel_domain.data() + row;
    for (std::int64_t x = 0; x < nx; ++x) {
      if (domain[x] < 0) continue;
      for (std::int64_t distance = 0; distance < distances; ++distance) {
        const std::int64_t there = x + distance < nx ? x + distance : x + distance - nx;
        if (domain[there] >= 0) ++both[static_cast<std::size_t>(distance)];
        if (domain[there] == domain[x]) ++same[static_cast<std::size_t>(distance)];
      }
    }
  }
  communicator.sum_in_place(std::span<std::int64_t>(both));
  communicator.sum_in_place(std::span<std::int64_t>(same));
  const auto voxels = static_cast<double>((rows + every - 1) / every * nx);
  for (std::size_t i = 0; i < both.size(); ++i) {
    result.correlation_distance_nm.push_back(static_cast<double>(i) * catalog.grid.voxel_size_nm[0]);
    result.two_point.push_back(static_cast<double>(both[i]) / voxels);
    result.same_domain.push_back(static_cast<double>(same[i]) / voxels);
  }
  result.correlation_length_nm = std::numeric_limits<double>::quiet_NaN();
  const double fraction = result.two_point.front();
  const double half_way = 0.5 * (fraction + fraction * fraction);
  for (std::size_t i = 1; i < result.two_point.size() && fraction > 0.0; ++i) {
    if (result.two_point[i] > half_way) continue;
    const double share = (result.two_point[i - 1] - half_way) / (result.two_point[i - 1] - result.two_point[i]);
    result.correlation_length_nm = (static_cast<double>(i - 1) + share) * catalog.grid.voxel_size_nm[0];
    break;
  }
}

}  // namespace

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

  correlate(communicator, catalog, result);

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
