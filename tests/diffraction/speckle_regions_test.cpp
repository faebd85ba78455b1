// Regions, their widths, and the model that turns a share of bright positions into speckles.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/random_stream.hpp"
#include "core/units.hpp"
#include "diffraction/area_fraction.hpp"
#include "diffraction/map_smoother.hpp"
#include "diffraction/speckle_regions.hpp"

namespace mesoglass::diffraction {
namespace {

std::vector<SpeckleRegion> regions_of(const std::vector<std::string>& drawing) {
  const auto ny = static_cast<std::int64_t>(drawing.size());
  const auto nx = static_cast<std::int64_t>(drawing.front().size());
  std::vector<float> map;
  for (const auto& line : drawing) {
    for (const char letter : line) {
      map.push_back(letter == '?'   ? std::numeric_limits<float>::quiet_NaN()
                    : letter == '.' ? 0.0F
                                    : 1.0F + 0.1F * static_cast<float>(letter - '0'));
    }
  }
  RegionLabeller labeller(ny, nx);
  (void)labeller.label(map, 0.9F);  // what is left of an earlier call must not matter
  const auto found = labeller.label(map, 0.5F);
  return {found.begin(), found.end()};
}

TEST(RegionLabeller, MergesBranchesThatMeetLater) {
  // A U, an S and corners that touch: three regions.
  const auto regions =
      regions_of({"............", ".1.1..11....", ".1.1....1.1.", ".151..11.1..", "........1...", "............"});
  ASSERT_EQ(regions.size(), 2U);
  EXPECT_EQ(regions[0].pixels, 7);
  EXPECT_EQ(regions[0].peak_x, 2);
  EXPECT_EQ(regions[0].peak_y, 3);
  EXPECT_EQ(regions[1].pixels, 8);
  EXPECT_FALSE(regions[0].at_edge || regions[1].at_edge);
}

TEST(RegionLabeller, KnowsWhatIsCutOff) {
  const auto regions = regions_of({".....1", "......", ".1..?.", "....1.", "..1...", "......"});
  ASSERT_EQ(regions.size(), 4U);
  EXPECT_TRUE(regions[0].at_edge);  // the corner
  EXPECT_FALSE(regions[1].at_edge);
  EXPECT_TRUE(regions[2].at_edge);  // under the missing position
  EXPECT_FALSE(regions[3].at_edge);
}

// Against flood filling, on noise with missing positions.
TEST(RegionLabeller, EqualsFloodFilling) {
  constexpr std::int64_t side = 60;
  std::vector<float> map(side * side);
  RandomStream random(3, RandomPurpose::test, 7);
  for (float& value : map) {
    value = random.uniform() < 0.02 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(random.uniform());
  }
  RegionLabeller labeller(side, side);
  std::vector<std::int64_t> found;
  for (const auto& region : labeller.label(map, 0.6F)) found.push_back(region.pixels);
  std::vector<std::int64_t> expected;
  std::vector<char> seen(map.size(), 0);
  for (std::int64_t start = 0; start < side * side; ++start) {
    if (seen[static_cast<std::size_t>(start)] != 0 || !(map[static_cast<std::size_t>(start)] > 0.6F)) continue;
    std::vector<std::int64_t> waiting = {start};
    seen[static_cast<std::size_t>(start)] = 1;
    std::int64_t pixels = 0;
    while (!waiting.empty()) {
      const auto at = waiting.back();
      waiting.pop_back();
      ++pixels;
      for (std::int64_t y = std::max<std::int64_t>(0, at / side - 1); y <= std::min(side - 1, at / side + 1); ++y) {
        for (std::int64_t x = std::max<std::int64_t>(0, at % side - 1); x <= std::min(side - 1, at % side + 1); ++x) {
          const auto next = static_cast<std::size_t>(y * side + x);
          if (seen[next] != 0 || !(map[next] > 0.6F)) continue;
          seen[next] = 1;
          waiting.push_back(y * side + x);
        }
      }
    }
    expected.push_back(pixels);
  }
  EXPECT_EQ(found, expected);
}

double width_of(std::int64_t side, int reach, std::span<const float> map, const SpeckleRegion& region,
                float background) {
  SpeckleFit fit(side, side, reach);
  return fit.widths(map, std::span(&region, 1), background).front();
}

TEST(SpeckleFit, IsAGaussiansOwn) {
  constexpr std::int64_t side = 41;
  for (const double width : {4.0, 7.5}) {
    std::vector<float> map(side * side);
    for (std::int64_t y = 0; y < side; ++y) {
      for (std::int64_t x = 0; x < side; ++x) {
        const double squared = std::pow(static_cast<double>(x) - 19.7, 2) + std::pow(static_cast<double>(y) - 20.2, 2);
        map[static_cast<std::size_t>(y * side + x)] =
            static_cast<float>(0.3 + 2.0 * std::exp(-4.0 * std::log(2.0) * squared / (width * width)));
      }
    }
    RegionLabeller labeller(side, side);
    const auto regions = labeller.label(map, 1.3F);
    ASSERT_EQ(regions.size(), 1U);
    EXPECT_NEAR(width_of(side, 8, map, regions.front(), 0.3F), width, 1e-3 * width);
    // At half height the region is as wide as the Gaussian, within the grain of the grid.
    EXPECT_NEAR(regions.front().equivalent_diameter(), width, 0.07 * width);
    EXPECT_TRUE(std::isnan(width_of(side, 8, map, regions.front(), 5.0F)));
  }
}

// All points on one line, which says nothing about the direction across: the width along it.
TEST(SpeckleFit, OfALineIsItsWidthAlongIt) {
  constexpr std::int64_t side = 21;
  for (const auto& [along_x, along_y] : {std::pair{0, 1}, {1, 0}, {1, 1}}) {
    std::vector<float> map(side * side, 0.0F);
    for (std::int64_t i = -6; i <= 6; ++i) {
      const double squared = static_cast<double>(i * i * (along_x + along_y));
      map[static_cast<std::size_t>((10 + i * along_y) * side + 10 + i * along_x)] =
          static_cast<float>(2.0 * std::exp(-4.0 * std::log(2.0) * squared / 100.0));
    }
    const SpeckleRegion region{13, 2.0F, 10, 10, false};
    EXPECT_NEAR(width_of(side, 8, map, region, 0.0F), 10.0, 1e-3) << along_x << along_y;
  }
}

// What lies beyond the map's edge takes no part, nor the next line's other end.
TEST(SpeckleFit, OfManyIsThatOfEach) {
  constexpr std::int64_t side = 90;
  RandomStream random(7, RandomPurpose::test);
  std::vector<float> map(side * side);
  for (float& value : map) value = static_cast<float>(random.normal());
  MapSmoother(side, side, 1.8).smooth(map);
  RegionLabeller labeller(side, side);
  const auto found = labeller.label(map, 0.2F);
  const std::vector<SpeckleRegion> regions(found.begin(), found.end());
  ASSERT_GT(regions.size(), 20U);
  SpeckleFit fit(side, side, 3);
  const auto widths = fit.widths(map, regions, 0.01F);
  std::size_t fitted = 0;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const double alone = width_of(side, 3, map, regions[i], 0.01F);
    EXPECT_EQ(std::isnan(widths[i]), std::isnan(alone)) << i;
    if (std::isnan(alone)) continue;
    EXPECT_EQ(widths[i], alone) << i;
    ++fitted;
  }
  EXPECT_GT(fitted, regions.size() / 2);
}

TEST(SpeckleFit, EndsAtTheEdge) {
  constexpr std::int64_t side = 21;
  std::vector<float> map(side * side);
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const double squared = static_cast<double>(x * x + (y - 10) * (y - 10));
      map[static_cast<std::size_t>(y * side + x)] =
          x > 15 ? 3.0F : static_cast<float>(2.0 * std::exp(-4.0 * std::log(2.0) * squared / 36.0));
    }
  }
  const SpeckleRegion region{9, 2.0F, 0, 10, true};
  EXPECT_NEAR(width_of(side, 4, map, region, 0.0F), 6.0, 1e-3);
}

// Brighter speckles within reach count with their own height.
TEST(SpeckleFit, TakesPointsAboveThePeak) {
  constexpr std::int64_t side = 21;
  std::vector<float> map(side * side);
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      const double squared = std::pow(static_cast<double>(x) - 9.0, 2) + std::pow(static_cast<double>(y) - 10.0, 2);
      map[static_cast<std::size_t>(y * side + x)] = static_cast<float>(5.0 * std::exp(-std::log(2.0) * squared / 4.0));
    }
  }
  // Read about a place beside the top, where the value is a third of the highest: still the same Gaussian.
  const SpeckleRegion beside{9, map[10 * side + 12], 12, 10, false};
  EXPECT_NEAR(width_of(side, 4, map, beside, 0.0F), 4.0, 1e-3);
}

TEST(MapSmoother, IsTheSameWhetherPositionsAreKnownBeforeOrNot) {
  constexpr std::int64_t side = 30;
  std::vector<std::uint8_t> kept(side * side, 1);
  kept[100] = kept[101] = 0;
  RandomStream random(6, RandomPurpose::test);
  std::vector<float> map(side * side);
  for (std::size_t i = 0; i < map.size(); ++i) {
    map[i] = kept[i] != 0 ? static_cast<float>(random.normal()) : std::numeric_limits<float>::quiet_NaN();
  }
  auto other = map;
  const auto original = map;
  MapSmoother(side, side, 1.4, kept).smooth(map);
  MapSmoother(side, side, 1.4).smooth(other);
  // From rows, and every one of the result shown once; also after a map with other gaps.
  std::vector<float> whole(map.size()), shown;
  MapSmoother smoother(side, side, 1.4, kept);
  auto gap = original;
  gap[333] = std::numeric_limits<float>::quiet_NaN();
  smoother.smooth(gap);
  smoother.smooth_whole(
      [&](std::int64_t y, std::span<float> row) { std::copy_n(original.begin() + y * side, side, row.begin()); }, 0.0F,
      whole, [&](std::span<const float> row) { shown.insert(shown.end(), row.begin(), row.end()); });
  EXPECT_EQ(std::memcmp(whole.data(), map.data(), map.size() * sizeof(float)), 0);
  EXPECT_EQ(std::memcmp(shown.data(), map.data(), map.size() * sizeof(float)), 0);
  for (std::size_t i = 0; i < map.size(); ++i) {
    if (std::isnan(map[i])) {
      EXPECT_TRUE(std::isnan(other[i]));
      continue;
    }
    EXPECT_EQ(map[i], other[i]);
    double sum = 0.0, weights = 0.0;
    const auto y = static_cast<std::int64_t>(i) / side, x = static_cast<std::int64_t>(i) % side;
    for (std::int64_t v = std::max<std::int64_t>(0, y - 5); v <= std::min(side - 1, y + 5); ++v) {
      for (std::int64_t u = std::max<std::int64_t>(0, x - 5); u <= std::min(side - 1, x + 5); ++u) {
        const float value = original[static_cast<std::size_t>(v * side + u)];
        if (std::isnan(value)) continue;
        const double weight = std::exp(-0.5 * static_cast<double>((u - x) * (u - x) + (v - y) * (v - y)) / 1.96);
        sum += weight * static_cast<double>(value);
        weights += weight;
      }
    }
    EXPECT_NEAR(map[i], sum / weights, 2e-5);
  }
}

}  // namespace
}  // namespace mesoglass::diffraction
