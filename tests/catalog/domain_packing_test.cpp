// Sizes and places of domains: what was asked for is there, nothing overlaps, and it is random in the right way.
#include "catalog/domain_packing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "catalog/realised_statistics.hpp"
#include "core/error.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::catalog {
namespace {

VoxelGrid grid_2d(std::int64_t n) {
  return {n, n, 1, {0.7, 0.7, 1.0}};
}
VoxelGrid grid_3d(std::int64_t n) {
  return {n, n, n, {1.5, 1.5, 1.5}};
}

double total_of(const std::vector<DomainDraw>& draws) {
  double total = 0.0;
  for (const auto& draw : draws) total += draw.voxels;
  return total;
}

TEST(DomainSizes, followTheCutNormalLaw) {
  const VoxelGrid grid = grid_3d(200);
  const DomainSizes sizes = {6.0, 1.0, 5.0};
  const auto draws = draw_domains(grid, sizes, 0.2 * 8e6, 3, 0);
  ASSERT_GT(draws.size(), 30000U);
  // Kolmogorov-Smirnov distance to the normal law cut at 5 nm; 1.95 / sqrt(n) is exceeded once in a thousand.
  std::vector<double> diameters;
  for (const auto& draw : draws) diameters.push_back(draw.diameter_nm);
  std::sort(diameters.begin(), diameters.end());
  const auto normal = [](double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); };
  const double cut = normal(-1.0);
  double distance = 0.0;
  const auto count = static_cast<double>(diameters.size());
  for (std::size_t i = 0; i < diameters.size(); ++i) {
    const double law = (normal(diameters[i] - 6.0) - cut) / (1.0 - cut);
    distance = std::max({distance, std::fabs(law - static_cast<double>(i) / count),
                         std::fabs(law - static_cast<double>(i + 1) / count)});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(count));
  EXPECT_GE(diameters.front(), 5.0);
}

// Mean and standard deviation of diameters drawn by a law.
std::array<double, 2> moments(const DomainSizes& sizes, int count) {
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < count; ++i) {
    RandomStream random(11, RandomPurpose::catalog_domains, static_cast<std::uint64_t>(i), 0);
    const double diameter = draw_diameter_nm(sizes, random);
    sum += diameter;
    squares += diameter * diameter;
  }
  const double mean = sum / count;
  return {mean, std::sqrt(squares / count - mean * mean)};
}

TEST(DomainSizes, haveTheMeanAndSpreadOfEveryLaw) {
  // Four standard errors of 40,000 draws.
  constexpr int count = 40000;
  for (const auto law : {SizeLaw::normal, SizeLaw::log_normal}) {
    const auto [mean, spread] = moments({5.0, 2.0, 0.0, law}, count);
    EXPECT_NEAR(mean, 5.0, 4.0 * 2.0 / std::sqrt(count));
    EXPECT_NEAR(spread, 2.0, 0.06);
  }
  // The logarithm of log-normal diameters is normal: half of them lie below exp(mu).
  const DomainSizes log_normal = {5.0, 2.0, 0.0, SizeLaw::log_normal};
  int below = 0;
  for (int i = 0; i < count; ++i) {
    RandomStream random(12, RandomPurpose::catalog_domains, static_cast<std::uint64_t>(i), 0);
    if (draw_diameter_nm(log_normal, random) < 5.0 / std::sqrt(1.0 + 0.16)) ++below;
  }
  EXPECT_NEAR(below, count / 2, 4.0 * 0.5 * std::sqrt(count));
}

TEST(DomainSizes, areDrawnFromAMeasuredListByWeight) {
  const auto sizes = measured_sizes("# nm weight\n2.0\n\n 4.0 2 # twice as many\n6 1\n", "sizes.txt", 1.0);
  EXPECT_EQ(sizes.measured_nm, (std::vector<double>{2.0, 4.0, 6.0}));
  EXPECT_NEAR(sizes.mean_nm, 4.0, 1e-12);
  EXPECT_NEAR(sizes.spread_nm, std::sqrt(2.0), 1e-12);
  constexpr int count = 40000;
  std::array<int, 3> found{};
  for (int i = 0; i < count; ++i) {
    RandomStream random(13, RandomPurpose::catalog_domains, static_cast<std::uint64_t>(i), 0);
    ++found[static_cast<std::size_t>(draw_diameter_nm(sizes, random) / 2.0) - 1];
  }
  // Binomial, four standard deviations.
  EXPECT_NEAR(found[0], 0.25 * count, 4.0 * std::sqrt(count * 0.1875));
  EXPECT_NEAR(found[1], 0.50 * count, 4.0 * std::sqrt(count * 0.25));
  for (const char* bad : {"", "# none\n", "x\n", "-1\n", "0\n", "1 -1\n", "1 2 3\n", "nan\n", "1 0\n", "1e400\n"}) {
    EXPECT_THROW((void)measured_sizes(bad, "sizes.txt", 1.0), Error) << bad;
  }
}

TEST(DomainSizes, areDiscsAndBalls) {
  EXPECT_NEAR(domain_volume_voxels(grid_2d(64), 7.0), 0.25 * 3.14159265 * 49 / 0.49, 1e-5);
  EXPECT_NEAR(domain_volume_voxels(grid_3d(64), 6.0), 3.14159265 * 216 / 6 / 3.375, 1e-5);
  EXPECT_NEAR(equivalent_diameter_nm(grid_2d(64), 100.0), std::sqrt(4 * 49 / 3.14159265), 1e-6);
  EXPECT_NEAR(equivalent_diameter_nm(grid_3d(64), 1000.0), std::cbrt(6 * 3375 / 3.14159265), 1e-6);
  EXPECT_EQ(domain_volume_voxels(grid_3d(64), 0.1), 1.0);
}

TEST(DomainSizes, roundToWholeVoxelsWithoutDrift) {
  const VoxelGrid grid = grid_3d(64);
  const auto draws = draw_domains(grid, {2.8, 0.4, 1.0}, 0.3 * 64 * 64 * 64, 5, 0);
  double exact = 0.0;
  for (const auto& draw : draws) exact += domain_volume_voxels(grid, static_cast<double>(draw.diameter_nm));
  EXPECT_NEAR(total_of(draws), exact, 1.0);  // diameters are kept in single precision
}

TEST(DomainSizes, meetTheTargetWithinHalfAMeanDomain) {
  for (const double fraction : {0.0, 0.01, 0.2, 0.4}) {
    for (const double diameter : {0.0, 1.0, 2.8, 9.0, 20.0}) {
      for (const auto& grid : {grid_2d(128), grid_3d(32)}) {
        for (const std::uint64_t seed : {1, 2, 3}) {
          const double target = fraction * static_cast<double>(grid.voxel_count());
          const auto draws = draw_domains(grid, {diameter, 0.15 * diameter, 0.0}, target, seed, 0);
          EXPECT_LE(std::fabs(total_of(draws) - target), 0.5 * domain_volume_voxels(grid, diameter) + 1e-9)
              << fraction << ' ' << diameter;
        }
      }
    }
  }
}

TEST(DomainSizes, refuseWhatDoesNotFit) {
  const VoxelGrid grid = grid_3d(8);  // 12 nm
  EXPECT_THROW((void)draw_domains(grid, {12.5, 0.0, 0.0}, 100, 1, 0), Error);
  EXPECT_THROW((void)draw_domains(grid, {std::nan(""), 0.0, 0.0}, 100, 1, 0), Error);
  EXPECT_THROW((void)draw_domains(grid, {3.0, -1.0, 0.0}, 100, 1, 0), Error);
  EXPECT_THROW((void)draw_domains(grid, {3.0, 0.5, 4.0}, 100, 1, 0), Error);
  EXPECT_THROW((void)draw_domains(grid_2d(4), {2.0, 0.9, 0.0}, 4, 1, 0), Error);
}

struct Placed {
  std::array<double, 3> centre_nm;
  std::vector<std::int64_t> voxels;
};

std::vector<Placed> packed(const VoxelGrid& grid, const std::vector<DomainDraw>& draws, std::uint64_t seed) {
  std::vector<Placed> result;
  pack_domains(grid, draws, seed,
               [&](std::size_t, const std::array<double, 3>& centre, std::span<const std::int64_t> voxels) {
                 result.push_back({centre, {voxels.begin(), voxels.end()}});
               });
  return result;
}

double periodic_distance(const VoxelGrid& grid, const std::array<double, 3>& centre, std::int64_t voxel) {
  const auto at = grid.coordinates(voxel);
  const std::array<std::int64_t, 3> counts = {grid.nx, grid.ny, grid.nz};
  double square = 0.0;
  for (std::size_t i = 0; i < 3; ++i) {
    const double edge = static_cast<double>(counts[i]) * grid.voxel_size_nm[i];
    const double offset = std::remainder((static_cast<double>(at[i]) + 0.5) * grid.voxel_size_nm[i] - centre[i], edge);
    square += offset * offset;
  }
  return std::sqrt(square);
}

TEST(Packing, placesEveryDomainWithoutOverlapUpToFortyPercent) {
  for (const auto& grid : {grid_2d(96), grid_3d(24)}) {
    for (const double diameter : {0.0, 2.8, 9.0}) {
      const auto draws = draw_domains(grid, {diameter, 0.0, 0.0}, 0.4 * static_cast<double>(grid.voxel_count()), 2, 0);
      const auto placed = packed(grid, draws, 2);
      ASSERT_EQ(placed.size(), draws.size());
      std::set<std::int64_t> all;
      std::size_t total = 0;
      for (std::size_t row = 0; row < placed.size(); ++row) {
        EXPECT_EQ(placed[row].voxels.size(), static_cast<std::size_t>(draws[row].voxels));
        all.insert(placed[row].voxels.begin(), placed[row].voxels.end());
        total += placed[row].voxels.size();
        // Compact: nothing beyond 1.3 radii and half a voxel's diagonal.
        const double reach = 0.65 * equivalent_diameter_nm(grid, draws[row].voxels) + 1.31;
        for (const auto voxel : placed[row].voxels) {
          EXPECT_LT(periodic_distance(grid, placed[row].centre_nm, voxel), reach);
        }
      }
      EXPECT_EQ(all.size(), total);
      EXPECT_GE(*all.begin(), 0);
      EXPECT_LT(*all.rbegin(), grid.voxel_count());
    }
  }
}

// Against a plain search over all voxels.
TEST(Packing, takesTheNearestVoxelsOfTheCentre) {
  const VoxelGrid grid = {12, 16, 10, {1.5, 1.0, 2.0}};
  const auto draws = draw_domains(grid, {4.0, 0.5, 0.0}, 0.05 * 1920, 9, 0);
  const auto placed = packed(grid, draws, 9);
  ASSERT_GT(placed.size(), 5U);
  for (const auto& domain : placed) {
    std::vector<std::pair<double, std::int64_t>> all;
    for (std::int64_t voxel = 0; voxel < grid.voxel_count(); ++voxel) {
      all.emplace_back(periodic_distance(grid, domain.centre_nm, voxel), voxel);
    }
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> nearest;
    for (std::size_t i = 0; i < domain.voxels.size(); ++i) nearest.push_back(all[i].second);
    std::sort(nearest.begin(), nearest.end());
    EXPECT_EQ(domain.voxels, nearest);
  }
}

// 10,000 single voxels in an 8 x 8 arrangement of cells: chi-square with 63 degrees of freedom. Without replacement at
// 5 % the variance is 5 % smaller; 120 is beyond the 1e-5 quantile.
TEST(Packing, spreadsCentresUniformly) {
  const VoxelGrid grid = {448, 448, 1, {0.7, 0.7, 1.0}};
  const auto draws = draw_domains(grid, {0.0, 0.0, 0.0}, 10000, 4, 0);
  std::vector<double> counts(64, 0.0);
  for (const auto& domain : packed(grid, draws, 4)) {
    const auto at = grid.coordinates(domain.voxels.front());
    counts[static_cast<std::size_t>(at[1] / 56 * 8 + at[0] / 56)] += 1.0;
  }
  double chi_square = 0.0;
  for (const double count : counts) chi_square += (count - 156.25) * (count - 156.25) / 156.25;
  EXPECT_LT(chi_square, 120.0);
  EXPECT_GT(chi_square, 25.0);  // as even as a lattice is not random
}

TEST(Packing, refusesAGridThatIsTooFull) {
  const VoxelGrid grid = grid_3d(8);
  const std::vector<DomainDraw> draws(3, {0, 11.0F, 207});  // three balls of 40 % of the box each
  EXPECT_THROW((void)packed(grid, draws, 1), Error);
}

}  // namespace
}  // namespace mesoglass::catalog
