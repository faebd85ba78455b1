#include "catalog/realised_statistics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/distribution.hpp"
#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {

constexpr std::size_t histogram_bins = 24;
constexpr std::int64_t most_distances = 128;
// Rows beyond which the correlation is sampled: every second, third, ... row.
constexpr std::int64_t most_rows = 8192;

// The domains of a row of voxels along `axis` (0 = x), for an even sample of all such rows, on every rank: (rows,
// voxels of a row).
std::vector<std::int32_t> sampled_rows(const Communicator& communicator, const Catalog& catalog, int axis) {
  const auto& grid = catalog.grid;
  const std::array<std::int64_t, 3> counts = {grid.nx, grid.ny, grid.nz};
  const std::int64_t length = counts[static_cast<std::size_t>(axis)];
  const std::int64_t stride = axis == 0 ? 1 : axis == 1 ? grid.nx : grid.nx * grid.ny;
  const std::int64_t rows = grid.voxel_count() / length;
  const std::int64_t every = (rows + most_rows - 1) / most_rows;
  const Range own = grid.voxels_of(communicator.rank(), communicator.size());
  constexpr std::int32_t elsewhere = std::numeric_limits<std::int32_t>::min();
  std::vector<std::int32_t> domains;
  for (std::int64_t row = 0; row < rows; row += every) {
    // The row's first voxel: the row's number with this axis left out.
    const std::int64_t first = row / stride * stride * length + row % stride;
    for (std::int64_t step = 0; step < length; ++step) {
      const std::int64_t voxel = first + step * stride;
      const bool here = voxel >= own.begin && voxel < own.end;
      domains.push_back(here ? catalog.voxel_domain[static_cast<std::size_t>(voxel - own.begin)] : elsewhere);
    }
  }
  communicator.max_in_place(std::span<std::int32_t>(domains));
  return domains;
}

// Counts pairs, each rank those of its share of the rows: whole numbers, so the same on any number of ranks.
AxisCorrelation correlation_along(const Communicator& communicator, const Catalog& catalog, int axis) {
  const std::array<std::int64_t, 3> counts = {catalog.grid.nx, catalog.grid.ny, catalog.grid.nz};
  const std::int64_t length = counts[static_cast<std::size_t>(axis)];
  const std::vector<std::int32_t> domains = sampled_rows(communicator, catalog, axis);
  const std::int64_t rows = static_cast<std::int64_t>(domains.size()) / length;
  const std::int64_t distances = std::min(length / 2, most_distances - 1) + 1;
  std::vector<std::int64_t> both(static_cast<std::size_t>(distances), 0);
  std::vector<std::int64_t> same(static_cast<std::size_t>(distances), 0);
  const Range share = block_of(rows, communicator.rank(), communicator.size());
  for (std::int64_t row = share.begin; row < share.end; ++row) {
    const std::int32_t* domain = domains.data() + row * length;
    for (std::int64_t x = 0; x < length; ++x) {
      if (domain[x] < 0) continue;
      for (std::int64_t distance = 0; distance < distances; ++distance) {
        const std::int64_t there = x + distance < length ? x + distance : x + distance - length;
        if (domain[there] >= 0) ++both[static_cast<std::size_t>(distance)];
        if (domain[there] == domain[x]) ++same[static_cast<std::size_t>(distance)];
      }
    }
  }
  communicator.sum_in_place(std::span<std::int64_t>(both));
  communicator.sum_in_place(std::span<std::int64_t>(same));
  AxisCorrelation result;
  result.axis = "xyz"[axis];
  const auto voxels = static_cast<double>(domains.size());
  for (std::size_t i = 0; i < both.size(); ++i) {
    result.distance_nm.push_back(static_cast<double>(i) * catalog.grid.voxel_size_nm[static_cast<std::size_t>(axis)]);
    result.two_point.push_back(static_cast<double>(both[i]) / voxels);
    result.same_domain.push_back(static_cast<double>(same[i]) / voxels);
  }
  return result;
}

// NaN where the correlation does not fall half-way.
double half_way_distance_nm(const AxisCorrelation& correlation) {
  const auto& values = correlation.two_point;
  const double fraction = values.front();
  const double half_way = 0.5 * (fraction + fraction * fraction);
  for (std::size_t i = 1; i < values.size() && fraction > 0.0; ++i) {
    if (values[i] > half_way) continue;
    const double share = (values[i - 1] - half_way) / (values[i - 1] - values[i]);
    return std::lerp(correlation.distance_nm[i - 1], correlation.distance_nm[i], share);
  }
  return std::numeric_limits<double>::quiet_NaN();
}

void correlate(const Communicator& communicator, const Catalog& catalog, RealisedStatistics& result) {
  double sum = 0.0;
  int found = 0;
  for (int axis = 0; axis < catalog.grid.dimensions(); ++axis) {
    result.correlations.push_back(correlation_along(communicator, catalog, axis));
    const double distance = half_way_distance_nm(result.correlations.back());
    if (std::isnan(distance)) continue;
    sum += distance;
    ++found;
  }
  result.correlation_length_nm = found > 0 ? sum / found : std::numeric_limits<double>::quiet_NaN();
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
