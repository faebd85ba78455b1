// The law of sums of speckles against planted ones.
#include "diffraction/speckle_law.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>
#include <vector>

#include "core/random_stream.hpp"
#include "core/units.hpp"

namespace mesoglass::diffraction {
namespace {

constexpr int group_count = 9;

// Values at random places among speckles in four dimensions, with noise, in groups.
struct PlantedValues {
  std::vector<IntensityHistogram> groups{group_count};
  MapMoments moments;
  double covered = 0.0;  // part where one speckle has half of its own height
  double start_height = 0.0;
};

PlantedValues plant(const SpeckleLaw& law, double noise, int samples) {
  constexpr double reach = 4.5;
  RandomStream random(4, RandomPurpose::test, static_cast<std::uint64_t>(1e4 * (law.density + law.spread)));
  const double volume = 0.5 * units::pi * units::pi * std::pow(reach, 4);
  PlantedValues planted;
  for (int sample = 0; sample < samples; ++sample) {
    double value = 0.0;
    bool single = false;
    for (std::int64_t speckle = random.poisson(law.density * volume); speckle > 0; --speckle) {
      const double r = reach * std::pow(random.uniform(), 0.25);
      const double part = std::exp(-0.5 * r * r);
      value += law.height * std::exp(law.spread * random.normal(0.0, 1.0)) * part;
      single = single || part >= 0.5;
    }
    planted.covered += single ? 1.0 / samples : 0.0;
    value += random.normal(0.0, noise);
    planted.groups[static_cast<std::size_t>(sample % group_count)].add(value);
    planted.moments.add(value);
  }
  IntensityHistogram pooled;
  for (const auto& group : planted.groups) pooled.add(group);
  planted.start_height = choose_area_threshold(pooled, planted.moments, {noise * noise, 0.0}, 0.005).speckle_height;
  return planted;
}

// What a law's own probabilities say that many values hold, each group alike.
PlantedValues of_probabilities(const SpeckleLaw& law, double noise, double values) {
  constexpr int bins = 2048;
  const double first = -5.0 * law.height, step = 16.0 * law.height / bins;
  SpeckleProbabilities probabilities(first, step, bins);
  const auto here = probabilities.of(law, noise, 0.0);
  PlantedValues planted;
  double expected = 0.0;
  std::int64_t added = 0;
  for (int bin = 0; bin < bins; ++bin) {
    expected += values * here[static_cast<std::size_t>(bin)];
    for (std::int64_t i = 0; static_cast<double>(added) < expected; ++added, ++i) {
      const double value = first + step * (bin + 0.5 + 0.1 * static_cast<double>(i % 9 - 4));
      planted.groups[static_cast<std::size_t>(added % group_count)].add(value);
      planted.moments.add(value);
    }
  }
  return planted;
}

// The cumulants alone miss a spread of heights by three times its square: 12 and 17 % of the density here.
TEST(SpeckleLaw, IsFoundAgainWhateverItsDensityAndSpread) {
  struct Case {
    double density, spread, noise, start;
  };
  for (const auto& [density, spread, noise, start] : {Case{0.004, 0.03, 0.02, 0.5},
                                                      {0.01, 0.2, 0.02, 0.56},
                                                      {0.02, 0.05, 0.05, 0.4},
                                                      {0.02, 0.25, 0.02, 0.6},
                                                      {0.1, 0.1, 0.02, 0.5},
                                                      {0.005, 0.1, 0.1, 0.6}}) {
    const PlantedValues planted = of_probabilities({density, 0.5, spread}, noise, 1e6);
    const auto fit = fit_speckle_law(planted.groups, planted.moments, {noise * noise, 0.0}, start);
    ASSERT_TRUE(fit.found) << density;
    // Less than one value in 1e6 is missing anywhere, and bins of values are narrow beside the noise.
    EXPECT_NEAR(fit.law.density, density, 0.02 * density);
    EXPECT_NEAR(fit.law.height, 0.5, 0.0075) << density;
    EXPECT_NEAR(fit.law.spread * fit.law.spread, spread * spread, 0.005) << density;
    ASSERT_EQ(fit.densities_without.size(), static_cast<std::size_t>(group_count));
  }
}

// Heights that spread more are those of types that overlap: their median is not followed to the weakest.
TEST(SpeckleLaw, SpreadIsLimited) {
  const PlantedValues planted = of_probabilities({0.01, 0.3, 0.5}, 0.02, 1e6);
  const auto fit = fit_speckle_law(planted.groups, planted.moments, {4e-4, 0.0}, 0.5);
  ASSERT_TRUE(fit.found);
  EXPECT_NEAR(fit.law.spread, 0.3, 1e-12);
  EXPECT_GT(fit.law.height, 0.33);
  EXPECT_LT(fit.law.density, 0.009);
}

// 200,000 independent values know the part covered to some 2 to 3 %, up to 0.3 of the maps (density 0.0376): where
// speckles overlap that much, from values below the median.
TEST(SpeckleLaw, CoversWhatPlantedSpecklesCover) {
  for (const auto& [density, spread, tolerance] : {std::tuple{0.004, 0.03, 0.06},
                                                   {0.008, 0.2, 0.08},
                                                   {0.012, 0.1, 0.08},
                                                   {0.0235, 0.1, 0.08},
                                                   {0.0376, 0.1, 0.09}}) {
    const PlantedValues planted = plant({density, 0.5, spread}, 0.02, 200000);
    const auto fit = fit_speckle_law(planted.groups, planted.moments, {4e-4, 0.0}, planted.start_height);
    ASSERT_TRUE(fit.found) << density;
    EXPECT_NEAR(covered_part(density), planted.covered, 0.03 * planted.covered) << density;
    EXPECT_NEAR(covered_part(fit.law.density), planted.covered, tolerance * planted.covered) << density;
  }
}

TEST(SpeckleLaw, WithoutAGroupIsWhatAFitWithoutItFinds) {
  PlantedValues planted = plant({0.01, 0.5, 0.2}, 0.02, 60000);
  const NoiseModel noise{4e-4, 0.0};
  const auto fit = fit_speckle_law(planted.groups, planted.moments, noise, planted.start_height);
  ASSERT_TRUE(fit.found);
  double differences = 0.0;
  double errors = 0.0;
  for (std::size_t group = 0; group < group_count; ++group) {
    auto rest = planted.groups;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(group));
    const auto without = fit_speckle_law(rest, planted.moments, noise, planted.start_height);
    ASSERT_TRUE(without.found);
    differences += std::pow(without.law.density - fit.law.density, 2);
    errors += std::pow(without.law.density - fit.densities_without[group], 2);
  }
  // To first order, so that standard errors of errors come out within a fifth or so.
  EXPECT_LT(errors, 0.2 * differences);
}

TEST(SpeckleLaw, ProbabilitiesAreThoseOfPlantedValuesAndTheirDerivativesTheirDifferences) {
  constexpr int bins = 2048;
  constexpr double first = -5.0, step = 16.0 / bins;
  SpeckleProbabilities probabilities(first, step, bins);
  const SpeckleLaw law{0.02, 1.0, 0.2};
  constexpr double noise = 0.05;
  const auto now = probabilities.of(law, noise, 0.0);
  const std::vector<double> here(now.begin(), now.end());
  EXPECT_NEAR(std::accumulate(here.begin(), here.begin() + bins, 0.0), 1.0, 1e-9);
  double mean = 0.0;
  for (int bin = 0; bin < bins; ++bin) mean += here[static_cast<std::size_t>(bin)] * (first + step * (bin + 0.5));
  EXPECT_NEAR(mean, 0.0, 1e-3);

  const PlantedValues planted = plant(law, noise, 200000);
  IntensityHistogram pooled;
  for (const auto& group : planted.groups) pooled.add(group);
  const double middle = planted.moments.sum / planted.moments.count;
  for (const double level : {-0.2, 0.0, 0.3, 0.6, 1.0}) {
    const auto from = static_cast<std::ptrdiff_t>(std::llround((level - first) / step));
    const double above = std::accumulate(here.begin() + from, here.begin() + bins, 0.0);
    const double found = pooled.share_above(middle + level);
    EXPECT_NEAR(above, found, 5.0 * std::sqrt(found / 200000.0) + 1e-4) << level;
  }

  constexpr double change = 1e-4;
  for (int quantity = 1; quantity < SpeckleProbabilities::quantities; ++quantity) {
    const auto moved = [&](double by) {
      SpeckleLaw other = law;
      if (quantity == 1) other.density *= std::exp(by);
      if (quantity == 2) other.height *= std::exp(by);
      if (quantity == 3) other.spread = std::sqrt(law.spread * law.spread + by);
      const auto lines = probabilities.of(other, noise, 0.0);
      return std::vector<double>(lines.begin(), lines.begin() + bins);
    };
    const auto up = moved(change), down = moved(-change);
    for (int bin = 0; bin < bins; bin += 7) {
      const auto at = static_cast<std::size_t>(bin);
      // Straight lines between the nodes of a table, and differences of numbers of 1e-3.
      EXPECT_NEAR(here[static_cast<std::size_t>(quantity * bins) + at], (up[at] - down[at]) / (2.0 * change), 2e-5)
          << quantity << " " << bin;
    }
  }
}

TEST(SpeckleLaw, IsNotFoundInNoise) {
  PlantedValues planted;
  RandomStream random(5, RandomPurpose::test);
  for (int sample = 0; sample < 100000; ++sample) {
    const double value = random.normal(0.0, 0.2);
    planted.groups[static_cast<std::size_t>(sample % group_count)].add(value);
    planted.moments.add(value);
  }
  EXPECT_FALSE(fit_speckle_law(planted.groups, planted.moments, {0.04, 0.0}, 0.05).found);
}

TEST(SpeckleAngle, IsThatOfGaussianPairsOnARing) {
  for (const double sigma : {0.05, 0.08, 0.12}) {
    std::vector<double> powers(64, 0.0);
    for (std::size_t n = 0; n < powers.size(); n += 2) {
      powers[n] = 1e-3 * std::exp(-std::pow(static_cast<double>(n) * sigma, 2));
    }
    EXPECT_NEAR(speckle_angle(powers), sigma, 0.01 * sigma);
    powers[7] = 1.0;  // odd n take no part
    EXPECT_NEAR(speckle_angle(powers), sigma, 0.01 * sigma);
  }
  EXPECT_TRUE(std::isnan(speckle_angle(std::vector<double>(64, 0.0))));
  EXPECT_TRUE(std::isnan(speckle_angle(std::vector<double>(64, std::numeric_limits<double>::quiet_NaN()))));
}

TEST(SpeckleAngle, WithoutInterpolationSpecklesAreNarrower) {
  const double radius = 20.0, alone = 0.08;
  const double widened = std::sqrt(alone * alone + 1.0 / (6.0 * radius * radius));
  EXPECT_NEAR(without_interpolation(widened, radius), alone / widened, 1e-12);
  EXPECT_EQ(without_interpolation(std::numeric_limits<double>::quiet_NaN(), radius), 1.0);
  EXPECT_EQ(without_interpolation(0.001, radius), 1.0);
}

}  // namespace
}  // namespace mesoglass::diffraction
