// Speckle size, area threshold and MRO types against planted maps.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/random_stream.hpp"
#include "diffraction/area_fraction.hpp"
#include "diffraction/map_autocorrelation.hpp"
#include "diffraction/map_smoother.hpp"
#include "diffraction/mro_types.hpp"
#include "diffraction/size_calibration.hpp"

namespace mesoglass::diffraction {
namespace {

// Maps of `count` speckles of the given profile at random places, with white noise.
std::vector<float> speckle_map(std::int64_t side, int count, double diameter, bool disc, double noise,
                               std::uint64_t index) {
  RandomStream random(77, RandomPurpose::test, index);
  std::vector<float> map(static_cast<std::size_t>(side * side), 1.0F);
  const double margin = 2.0 * diameter;
  const double sigma = diameter / std::sqrt(8.0 * std::log(2.0));
  for (int speckle = 0; speckle < count; ++speckle) {
    const double cx = random.uniform(-margin, static_cast<double>(side) + margin);
    const double cy = random.uniform(-margin, static_cast<double>(side) + margin);
    for (std::int64_t y = 0; y < side; ++y) {
      if (std::fabs(static_cast<double>(y) - cy) > margin) continue;
      for (std::int64_t x = 0; x < side; ++x) {
        const double r = std::hypot(static_cast<double>(x) - cx, static_cast<double>(y) - cy);
        if (r > margin) continue;
        map[static_cast<std::size_t>(y * side + x)] +=
            static_cast<float>(disc ? (r < 0.5 * diameter ? 1.0 : 0.0) : std::exp(-0.5 * r * r / (sigma * sigma)));
      }
    }
  }
  for (float& value : map) value += static_cast<float>(random.normal(0.0, noise));
  return map;
}

double measured_size(std::int64_t side, int per_map, double diameter, bool disc, double noise, int maps,
                     std::span<const std::uint8_t> kept, double* noise_variance = nullptr) {
  MapAutocorrelation correlation(side, side, static_cast<int>(side / 3), kept, 3);
  for (int map = 0; map < maps; ++map) {
    EXPECT_TRUE(
        correlation.add(speckle_map(side, per_map, diameter, disc, noise, static_cast<std::uint64_t>(map)), map % 3));
  }
  const SpeckleSize size = speckle_size(correlation.lags(), correlation.positions(), correlation.largest_lag());
  if (noise_variance != nullptr) *noise_variance = size.noise_variance;
  return size.fwhm / std::sqrt(2.0);
}

// Gaussian speckles of full width d have an autocorrelation of full width sqrt 2 d, however many there are. The field
// is only 8 to 12 speckles wide, so the mean that is taken out matters (without its correction sizes are 3 to 8 % low).
TEST(SpeckleSize, IsTheWidthOfGaussianSpecklesWhateverTheirNumber) {
  const std::vector<std::uint8_t> kept(48 * 48, 1);
  for (const double diameter : {4.0, 6.0}) {
    for (const int count : {4, 40}) {
      double noise = 0.0;
      EXPECT_NEAR(measured_size(48, count, diameter, false, 0.2, 120, kept, &noise), diameter, 0.05 * diameter)
          << diameter << " wide, " << count << " a map";
      EXPECT_NEAR(noise, 0.04, 0.004);
    }
  }
}

// Uniform discs seen with a probe half as wide: what the calibration says of them.
TEST(SpeckleSize, OfBlurredDiscsIsTheCalibrationsOwn) {
  constexpr std::int64_t side = 72;
  const double diameter = 12.0;
  const double probe = 6.0;
  const std::vector<std::uint8_t> kept(side * side, 1);
  MapAutocorrelation correlation(side, side, 24, kept, 3);
  MapSmoother blur(side, side, probe / std::sqrt(8.0 * std::log(2.0)));
  for (int index = 0; index < 100; ++index) {
    auto map = speckle_map(side, 12, diameter, true, 0.0, static_cast<std::uint64_t>(index));
    blur.smooth(map);
    correlation.add(map, index % 3);
  }
  const double width = speckle_size(correlation.lags(), correlation.positions(), 24).fwhm / std::sqrt(2.0);
  const double size = std::sqrt(width * width - probe * probe);
  EXPECT_NEAR(size, estimated_size(DomainProfile::disc, diameter, probe), 0.06 * size);
  EXPECT_NEAR(calibrated_diameter(DomainProfile::disc, size, probe), diameter, 0.06 * diameter);
}

TEST(SpeckleSize, LeavesOutExcludedPositions) {
  std::vector<std::uint8_t> kept(48 * 48, 1);
  for (std::size_t index = 0; index < kept.size(); ++index) {
    if (index % 48 > 30 && index / 48 < 20) kept[index] = 0;
  }
  MapAutocorrelation correlation(48, 48, 16, kept, 3);
  EXPECT_EQ(correlation.positions(), 48.0 * 48.0 - 17.0 * 20.0);
  for (int index = 0; index < 100; ++index) {
    auto map = speckle_map(48, 15, 5.0, false, 0.3, static_cast<std::uint64_t>(index));
    for (std::size_t i = 0; i < map.size(); ++i) {
      if (kept[i] == 0) map[i] = 1000.0F;
    }
    map[5] = std::numeric_limits<float>::quiet_NaN();
    correlation.add(map, index % 3);
  }
  EXPECT_NEAR(speckle_size(correlation.lags(), correlation.positions(), 16).fwhm / std::sqrt(2.0), 5.0, 0.25);
}

TEST(SpeckleSize, IsUnknownInPureNoise) {
  const std::vector<std::uint8_t> kept(48 * 48, 1);
  EXPECT_TRUE(std::isnan(measured_size(48, 0, 5.0, false, 1.0, 60, kept)));
}

TEST(Autocorrelation, EqualsThePlainSum) {
  const std::vector<std::uint8_t> kept(20 * 24, 1);
  MapAutocorrelation correlation(20, 24, 6, kept, 1);
  RandomStream random(3, RandomPurpose::test);
  std::vector<float> map(20 * 24);
  double mean = 0.0;
  for (float& value : map) {
    value = static_cast<float>(random.normal());
    mean += static_cast<double>(value) / static_cast<double>(map.size());
  }
  correlation.add(map, 0);
  for (const LagValue& lag : correlation.lags()) {
    double sum = 0.0, pairs = 0.0;
    for (int y = 0; y < 20; ++y) {
      for (int x = 0; x < 24; ++x) {
        const int u = x + lag.dx, v = y + lag.dy;
        if (u < 0 || u >= 24 || v < 0 || v >= 20) continue;
        sum += (static_cast<double>(map[static_cast<std::size_t>(y * 24 + x)]) - mean) *
               (static_cast<double>(map[static_cast<std::size_t>(v * 24 + u)]) - mean);
        pairs += 1.0;
      }
    }
    EXPECT_EQ(lag.pairs, pairs);
    EXPECT_NEAR(lag.value, sum / pairs, 1e-5) << lag.dx << ", " << lag.dy;
  }
}

// One transform of two maps is the sum of two transforms of one, also where one of the two is mostly missing.
TEST(Autocorrelation, OfTwoMapsAtOnceIsThatOfBoth) {
  constexpr std::int64_t side = 30;
  std::vector<std::uint8_t> kept(side * side, 1);
  kept[77] = 0;
  const auto one = speckle_map(side, 10, 4.0, false, 0.3, 1), other = speckle_map(side, 12, 5.0, false, 0.1, 2);
  const std::vector<float> empty(side * side, std::numeric_limits<float>::quiet_NaN());
  MapAutocorrelation pair(side, side, 8, kept, 2), single(side, side, 8, kept, 2);
  const auto both = pair.add_pair(one, other, 0);
  double mean = 0.0;
  for (std::size_t i = 0; i < one.size(); ++i) mean += i == 77 ? 0.0 : static_cast<double>(one[i]) / (side * side - 1);
  EXPECT_NEAR(both[0].mean, mean, 1e-6);
  EXPECT_TRUE(both[0].whole && both[1].whole);
  const auto half = pair.add_pair(empty, one, 1);
  EXPECT_TRUE(std::isnan(half[0].mean));
  EXPECT_FALSE(half[0].whole);
  EXPECT_NEAR(half[1].mean, mean, 1e-6);
  EXPECT_TRUE(std::isnan(pair.add_pair(empty, empty, 1)[1].mean));
  auto gap = one;
  gap[3] = empty[3];
  EXPECT_FALSE(single.add_pair(gap, {}, 1)[0].whole);
  single.clear();
  EXPECT_TRUE(single.add(one, 0));
  EXPECT_TRUE(single.add(other, 0));
  EXPECT_TRUE(single.add(one, 1));
  EXPECT_EQ(pair.maps(0), 2);
  EXPECT_EQ(pair.maps(1), 1);
  for (const int left_out : {-1, 0, 1}) {
    const auto a = pair.lags(left_out), b = single.lags(left_out);
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      EXPECT_EQ(a[i].pairs, b[i].pairs);
      EXPECT_NEAR(a[i].value, b[i].value, 2e-6) << a[i].dx << ", " << a[i].dy;  // single precision, values to 0.5
    }
  }
}

// Four-dimensional Gaussian speckles (two directions, two angles from Bragg) of one height on a counted background: the
// height comes back from the cumulants, and noise alone gives no area.
TEST(AreaThreshold, FindsTheIdealSpeckleHeight) {
  const double height = 0.5;
  const double noise = 0.15;
  IntensityHistogram pooled;
  MapMoments moments;
  RandomStream random(9, RandomPurpose::test);
  const double density = 0.02;  // domains a unit of the four-dimensional volume
  const double reach = 3.5;
  std::int64_t truth = 0;
  constexpr int samples = 400000;
  for (int sample = 0; sample < samples; ++sample) {
    // Domains in a 4-D ball about the sample.
    const double volume = 0.5 * units::pi * units::pi * std::pow(reach, 4);
    double value = 0.0;
    bool covered = false;
    for (std::int64_t domain = random.poisson(density * volume); domain > 0; --domain) {
      const double r = reach * std::pow(random.uniform(), 0.25);
      value += height * std::exp(-0.5 * r * r);
      covered = covered || std::exp(-0.5 * r * r) >= 0.5;
    }
    truth += covered ? 1 : 0;
    value += random.normal(0.0, noise);
    pooled.add(value);
    moments.add(value);
  }
  const AreaThreshold level = choose_area_threshold(pooled, moments, {noise * noise, 0.0}, 0.005);
  EXPECT_NEAR(level.speckle_height, height, 0.03 * height);
  EXPECT_NEAR(level.threshold - level.background, std::max(0.5 * height, 2.5758 * noise), 0.02);
  EXPECT_GT(truth, samples / 100);
}

TEST(AreaThreshold, OfPureNoiseIsTheNullModels) {
  IntensityHistogram pooled;
  MapMoments moments;
  RandomStream random(10, RandomPurpose::test);
  for (int sample = 0; sample < 200000; ++sample) {
    const double value = random.normal(0.0, 0.2);
    pooled.add(value);
    moments.add(value);
  }
  const AreaThreshold level = choose_area_threshold(pooled, moments, {0.04, 0.0}, 0.005);
  EXPECT_TRUE(level.limited_by_noise);
  EXPECT_NEAR(pooled.share_above(level.threshold), 0.005, 0.0008);
  EXPECT_NEAR(level.false_positives, 0.005, 1e-9);
}

TEST(MapSmoother, KeepsConstantsAndShrinksNoiseAsStated) {
  MapSmoother smoother(40, 40, 1.5);
  std::vector<float> map(1600, 3.0F);
  map[100] = std::numeric_limits<float>::quiet_NaN();
  smoother.smooth(map);
  EXPECT_NEAR(map[0], 3.0F, 1e-5F);
  EXPECT_TRUE(std::isnan(map[100]));
  EXPECT_NEAR(smoother.noise_squares(), 1.0 / (4.0 * units::pi * 1.5 * 1.5), 1e-4);
}

TEST(MroTypes, FindsPlantedPeaksOnce) {
  std::vector<double> k, size, order, area, error_size, error_order, error_area;
  for (int i = 0; i < 60; ++i) {
    const double here = 2.0 + 0.08 * i;
    k.push_back(here);
    order.push_back(1e-5 + 0.01 * std::exp(-50.0 * (here - 3.9) * (here - 3.9)) +
                    0.003 * std::exp(-50.0 * (here - 5.1) * (here - 5.1)));
    size.push_back(here > 3.4 && here < 5.6 ? 0.9 + 0.3 * std::exp(-30.0 * (here - 3.95) * (here - 3.95))
                                            : std::numeric_limits<double>::quiet_NaN());
    area.push_back(0.1);
    error_order.push_back(1e-4);
    error_size.push_back(0.02);
    error_area.push_back(0.01);
  }
  const auto types = find_mro_types({k, size, error_size, area, error_area, order, error_order}, 3.0);
  ASSERT_EQ(types.size(), 2U);
  EXPECT_NEAR(types[0].k_peak, 3.9, 0.081);
  EXPECT_NEAR(types[0].size_nm, 1.17, 0.03);  // mean of three bins about the top of 1.2
  EXPECT_NEAR(types[0].k_high - types[0].k_low, 0.235, 0.1);
  EXPECT_NEAR(types[1].k_peak, 5.1, 0.081);
  // Equal errors: the plain mean of the bins at 5.04, 5.12 and 5.20.
  double three = 0.0;
  for (std::size_t i = 38; i <= 40; ++i) three += order[i] / 3.0;
  EXPECT_NEAR(types[1].order, three, 1e-9);
  EXPECT_NEAR(types[1].area_fraction, 0.1, 1e-12);
}

}  // namespace
}  // namespace mesoglass::diffraction
