// What single patterns say, and how maps of it are related: against planted truth and exact sums.
#include <gtest/gtest.h>

#include <limits>
#include <numeric>

#include "diffraction/local_maps.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/thickness_bins.hpp"
#include "support/mpi_test.hpp"
#include "synthetic_patterns.hpp"

namespace mesoglass::diffraction {
namespace {

using namespace test;
using mesoglass::test::communicator;

const PatternShape detector{96, 96};
const Point middle{47.3, 48.1};
const PolarGrid grid{16.0, 1.0, 28, 126};
constexpr double ring_px = 29.0;
constexpr double ring_half_width_px = 4.7;  // of a Gaussian of deviation 4

double halo(double r) {
  return 0.2 + gaussian(r - ring_px, 4.0);
}

// Local measures of one row of patterns, all about the middle.
LocalMeasures measure(const std::vector<std::vector<float>>& patterns, double gain) {
  std::vector<double> profile;
  for (int bin = 0; bin < grid.bins; ++bin) profile.push_back(halo(grid.radius_px(bin)));
  const auto columns = static_cast<std::int64_t>(patterns.size());
  const auto window = local_window(grid, ring_px, ring_half_width_px, std::nan(""), std::nan(""), profile);
  LocalMeasures local(grid, window, gain, 12, {0, 1}, columns, best_kernels());
  PatternStatistics statistics(grid, gain, 12, 1, columns, best_kernels());
  const InterpolationTable table(grid, detector, middle, {}, {});
  PatternPass pass(grid, detector, &statistics, nullptr, nullptr, best_kernels(), &local);
  for (std::int64_t column = 0; column < columns; ++column) {
    const auto& pattern = patterns[static_cast<std::size_t>(column)];
    const double total = std::accumulate(pattern.begin(), pattern.end(), 0.0);
    pass.add(0, column, pattern, table, total);
  }
  pass.flush();
  return local;
}

std::vector<float> values_of(const LocalMeasures& local, LocalMeasure map) {
  return local.gather(Communicator::self(), static_cast<int>(map));
}

// A film whose spacings grow by e in some direction shows its ring smaller by 1 + e there.
TEST(Strain, IsFoundWithinATwentiethOfAPercent) {
  struct Strain {
    double xx, yy, xy;
  };
  const std::vector<Strain> planted = {{0.0, 0.0, 0.0},   {0.005, 0.005, 0.0},  {0.005, -0.005, 0.0},
                                       {0.0, 0.0, 0.005}, {-0.005, 0.0, 0.003}, {0.004, 0.001, -0.002},
                                       {0.005, 0.0, 0.0}, {0.0, -0.005, 0.0},   {0.002, 0.004, 0.005}};
  std::vector<std::vector<float>> patterns;
  for (const Strain& strain : planted) {
    patterns.push_back(draw_pattern(detector, middle, {}, [&](double r, double phi) {
      const double stretch = strain.xx * std::cos(phi) * std::cos(phi) + strain.yy * std::sin(phi) * std::sin(phi) +
                             2.0 * strain.xy * std::sin(phi) * std::cos(phi);
      return 1e4 * halo(r * (1.0 + stretch));
    }));
  }
  const LocalMeasures local = measure(patterns, 1.0);
  const auto dilatation = values_of(local, LocalMeasure::dilatation);
  const auto difference = values_of(local, LocalMeasure::shear_difference);
  const auto mixed = values_of(local, LocalMeasure::shear_xy);
  for (std::size_t i = 0; i < planted.size(); ++i) {
    EXPECT_NEAR(dilatation[i], 0.5 * (planted[i].xx + planted[i].yy), 2e-4) << i;
    EXPECT_NEAR(difference[i], 0.5 * (planted[i].xx - planted[i].yy), 2e-4) << i;
    EXPECT_NEAR(mixed[i], planted[i].xy, 2e-4) << i;
  }
}

// With 2,000 electrons counted in a ring's pixel on average the scatter of single patterns stays below 0.05 %.
TEST(Strain, OfCountedPatternsScattersAboutTheTruth) {
  std::vector<std::vector<float>> patterns;
  for (std::uint64_t index = 0; index < 64; ++index) {
    patterns.push_back(draw_pattern(detector, middle, {}, [&](double r, double) { return 4e3 * halo(r * 1.005); }));
    count_electrons(patterns.back(), 2.0, 21, index);
  }
  const auto found = values_of(measure(patterns, 2.0), LocalMeasure::dilatation);
  double mean = 0.0, squares = 0.0;
  for (const float value : found) {
    mean += static_cast<double>(value) / 64.0;
    squares += std::pow(static_cast<double>(value) - 0.005, 2) / 64.0;
  }
  EXPECT_NEAR(mean, 0.005, 2e-4);
  EXPECT_LT(std::sqrt(squares), 5e-4);
}

TEST(Symmetry, OfSinglePatternsIsTheirPlantedPower) {
  std::vector<std::vector<float>> patterns;
  for (const int n : {2, 4, 6, 10}) {
    patterns.push_back(draw_pattern(
        detector, middle, {}, [&](double r, double phi) { return 1e6 * halo(r) * (1.0 + 0.2 * std::cos(n * phi)); }));
  }
  const LocalMeasures local = measure(patterns, 1e-9);
  const auto order = values_of(local, LocalMeasure::order);
  const auto variance = values_of(local, LocalMeasure::ring_variance);
  const auto fourfold = local.gather(Communicator::self(), static_cast<int>(LocalMeasure::first_c_n) + 1);
  EXPECT_EQ(LocalMeasures::symmetry(1), 4);
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    EXPECT_NEAR(order[i], 0.01, 3e-4);     // a^2 / 4; interpolation takes a percent or two
    EXPECT_NEAR(variance[i], 0.02, 6e-4);  // a^2 / 2
    EXPECT_NEAR(fourfold[i], i == 1 ? 0.01 : 0.0, 3e-4);
  }
}

TEST(BraggRatio, MarksADiscAndNotCountingNoise) {
  std::vector<std::vector<float>> patterns;
  for (std::uint64_t index = 0; index < 40; ++index) {
    patterns.push_back(draw_pattern(detector, middle, {}, [&](double r, double) { return 30.0 * halo(r); }));
    if (index == 17) patterns.back()[48 * 96 + 75] += 900.0F;
    count_electrons(patterns.back(), 1.0, 22, index);
  }
  const auto ratio = values_of(measure(patterns, 1.0), LocalMeasure::bragg_ratio);
  for (std::size_t i = 0; i < ratio.size(); ++i) {
    if (i == 17) {
      EXPECT_GT(ratio[i], 10.0F);
    } else {
      EXPECT_EQ(ratio[i], 1.0F) << i;
    }
  }
}

// Groups add up to the whole, each group is what it is alone, also where a batch of lanes holds several.
TEST(ThicknessGroups, AreAveragedApartAndTogether) {
  constexpr std::int64_t columns = 40;
  const InterpolationTable table(grid, detector, middle, {}, {});
  PatternStatistics together(grid, 1.0, 12, 1, columns, best_kernels(), 3);
  PatternStatistics alone(grid, 1.0, 12, 1, columns, best_kernels());
  PatternPass all(grid, detector, &together, nullptr, nullptr);
  PatternPass one(grid, detector, &alone, nullptr, nullptr);
  std::vector<std::vector<float>> patterns;
  for (std::int64_t column = 0; column < columns; ++column) {
    patterns.push_back(draw_pattern(detector, middle, {}, [&](double r, double phi) {
      return (10.0 + static_cast<double>(column)) * halo(r) *
             (1.0 + 0.01 * static_cast<double>(column) * std::cos(4.0 * phi));
    }));
  }
  const auto group_of = [](std::int64_t column) { return static_cast<int>((column / 3) % 3); };
  double mean = 0.0, squares = 0.0, count = 0.0;
  for (std::int64_t column = 0; column < columns; ++column) {
    const auto& pattern = patterns[static_cast<std::size_t>(column)];
    all.add(0, column, pattern, table, 1.0, group_of(column));
    if (group_of(column) != 1) continue;
    one.add(0, column, pattern, table);
    const double brightness = 10.0 + static_cast<double>(column);
    mean += brightness;
    squares += brightness * brightness;
    count += 1.0;
  }
  all.flush();
  one.flush();
  const PatternAverages whole = together.averages(Communicator::self());
  const PatternAverages expected = alone.averages(Communicator::self());
  const PatternAverages found = together.group_averages(1);
  double patterns_in_groups = 0.0;
  for (int group = 0; group < 3; ++group) patterns_in_groups += together.group_averages(group).patterns[3];
  EXPECT_EQ(patterns_in_groups, static_cast<double>(columns));
  EXPECT_EQ(whole.patterns[3], static_cast<double>(columns));
  for (std::size_t i = 0; i < found.power.size(); ++i) EXPECT_NEAR(found.power[i], expected.power[i], 1e-7);
  for (std::size_t bin = 0; bin < found.order.size(); ++bin) {
    EXPECT_EQ(found.patterns[bin], expected.patterns[bin]);
    EXPECT_NEAR(found.radial_intensity[bin], expected.radial_intensity[bin], 1e-9 * expected.radial_intensity[bin]);
  }
  // Variance of the brightness over its mean squared, less the counting noise of the mean over a ring: S_0 / N^2 / <I>.
  mean /= count;
  const double variance = (squares - count * mean * mean) / (count - 1.0) / (mean * mean);
  const double noise = table.noise_power(13)[0] / (126.0 * 126.0) / found.radial_intensity[13];
  EXPECT_NEAR(found.variance_between[13], variance - noise, 1e-3 * variance);
  // 2 sum c_n = a^2 / 2 of every pattern less counting noise, which these patterns do not have.
  double wave = 0.0;
  for (std::int64_t column = 0; column < columns; ++column) {
    if (group_of(column) == 1) wave += 0.5 * std::pow(0.01 * static_cast<double>(column), 2) / count;
  }
  double bias = 0.0;
  for (int n = 1; n <= 63; ++n) {
    bias += (n == 63 ? 1.0 : 2.0) * found.noise_bias[static_cast<std::size_t>(n * grid.bins + 13)];
  }
  EXPECT_NEAR(found.variance_within[13] + bias, wave, 0.02 * wave);
}

// Patterns that differ by counting alone have no variance between them, nor within their rings.
TEST(FluctuationVariance, OfCountedEvenPatternsIsNothing) {
  constexpr std::int64_t side = 20;
  const PolarGrid rings{20.0, 8.0, 3, 126};
  const InterpolationTable table(rings, detector, middle, {}, {});
  PatternStatistics statistics(rings, 2.0, 12, side, side, best_kernels());
  PatternPass pass(rings, detector, &statistics, nullptr, nullptr);
  for (std::int64_t row = 0; row < side; ++row) {
    std::vector<std::vector<float>> patterns;
    for (std::int64_t column = 0; column < side; ++column) {
      patterns.emplace_back(static_cast<std::size_t>(detector.pixels()), 20.0F);
      count_electrons(patterns.back(), 2.0, 23, static_cast<std::uint64_t>(row * side + column));
      pass.add(row, column, patterns.back(), table);
    }
    pass.flush();
  }
  const PatternAverages averages = statistics.averages(Communicator::self());
  for (std::size_t bin = 0; bin < 3; ++bin) {
    const double noise = table.noise_power(static_cast<int>(bin))[0] / (126.0 * 126.0) / averages.radial_intensity[bin];
    EXPECT_NEAR(averages.variance_between[bin], 0.0, 0.25 * noise);  // 400 patterns: 7 % of it
    double removed = 0.0;
    for (std::size_t n = 1; n < 64; ++n) removed += (n == 63 ? 1.0 : 2.0) * averages.noise_bias[n * 3 + bin];
    EXPECT_NEAR(averages.variance_within[bin], 0.0, 0.03 * removed);
  }
}

TEST(ThicknessBins, HoldEqualNumbers) {
  std::vector<double> values;
  for (int i = 0; i < 1000; ++i) values.push_back(0.6 + 0.0003 * i);
  values.push_back(std::nan(""));
  const ThicknessBins bins = equal_thickness_bins(values, 4);
  ASSERT_EQ(bins.count(), 4);
  std::vector<int> counts(4, 0);
  for (int i = 0; i < 1000; ++i) ++counts[static_cast<std::size_t>(bins.bin_of(values[static_cast<std::size_t>(i)]))];
  for (const int count : counts) EXPECT_EQ(count, 250);
  EXPECT_EQ(bins.bin_of(0.1), 0);
  EXPECT_EQ(bins.bin_of(0.99), 3);
  EXPECT_EQ(equal_thickness_bins(std::vector<double>(50, 0.7), 4).count(), 1);
  EXPECT_EQ(equal_thickness_bins({}, 4).count(), 1);
}

// A Gaussian random field: white noise smoothed with a Gaussian of the given deviation, of variance 1.
std::vector<float> random_field(std::int64_t side, double sigma, std::uint64_t index) {
  RandomStream random(31, RandomPurpose::test, index);
  const auto reach = static_cast<std::int64_t>(std::ceil(4.0 * sigma));
  const std::int64_t wide = side + 2 * reach;
  std::vector<double> white(static_cast<std::size_t>(wide * wide)), lines(white.size(), 0.0);
  for (double& value : white) value = random.normal();
  std::vector<double> kernel;
  double squares = 0.0;
  for (std::int64_t i = -reach; i <= reach; ++i) {
    kernel.push_back(gaussian(static_cast<double>(i), sigma));
    squares += kernel.back() * kernel.back();
  }
  std::vector<float> field(static_cast<std::size_t>(side * side));
  for (std::int64_t y = 0; y < wide; ++y) {
    for (std::int64_t x = reach; x < side + reach; ++x) {
      for (std::int64_t i = -reach; i <= reach; ++i) {
        lines[static_cast<std::size_t>(y * wide + x)] +=
            kernel[static_cast<std::size_t>(i + reach)] * white[static_cast<std::size_t>(y * wide + x + i)];
      }
    }
  }
  for (std::int64_t y = 0; y < side; ++y) {
    for (std::int64_t x = 0; x < side; ++x) {
      double sum = 0.0;
      for (std::int64_t i = -reach; i <= reach; ++i) {
        sum += kernel[static_cast<std::size_t>(i + reach)] *
               lines[static_cast<std::size_t>((y + reach + i) * wide + x + reach)];
      }
      field[static_cast<std::size_t>(y * side + x)] = static_cast<float>(sum / squares);
    }
  }
  return field;
}

// The autocorrelation of such a field is exp(-r^2 / (4 sigma^2)): lengths, noise and independent positions are known.
TEST(MapRelations, OfAGaussianFieldAreThePlantedOnes) {
  constexpr std::int64_t side = 96;
  constexpr double sigma = 2.5;
  LocalMap plain{"plain", "1", "", random_field(side, sigma, 1), true};
  LocalMap noisy = plain;
  RandomStream random(32, RandomPurpose::test, 1);
  for (float& value : noisy.values) value = 3.0F + value + 0.5F * static_cast<float>(random.normal());
  const auto relations = relate_maps(communicator(), std::vector<LocalMap>{plain, noisy}, side, side);
  const MapSummary& clean = relations.summaries[0];
  const MapSummary& with_noise = relations.summaries[1];
  EXPECT_NEAR(clean.noise_deviation, 0.0, 0.12);  // the extrapolation from lags 1 to 3
  EXPECT_NEAR(with_noise.noise_deviation, 0.5, 0.05);
  EXPECT_NEAR(with_noise.mean, 3.0, 4.0 * with_noise.mean_error);
  for (const MapSummary& summary : {clean, with_noise}) {
    EXPECT_NEAR(summary.correlation_length, 2.0 * sigma, 0.12 * 2.0 * sigma);
    EXPECT_NEAR(summary.gaussian_length, 2.0 * sigma, 0.12 * 2.0 * sigma);
    EXPECT_LT(summary.gaussian_residual, summary.exponential_residual);
  }
  // Independent positions: N / (4 pi sigma^2) for the area of exp(-r^2 / (4 sigma^2)).
  EXPECT_NEAR(clean.independent, side * side / (4.0 * units::pi * sigma * sigma), 0.35 * clean.independent);
  const double expected = clean.deviation / with_noise.deviation;
  EXPECT_NEAR(relations.correlation[relations.at(0, 1)], expected, 0.02);
  EXPECT_LT(relations.probability[relations.at(0, 1)], 1e-6);
}

// Of unrelated fields: r scatters as its error says, which counting positions would put seven times too small.
TEST(MapRelations, ErrorsCountIndependentPlaces) {
  constexpr std::int64_t side = 64;
  constexpr int trials = 60;
  double squares = 0.0, stated = 0.0;
  int significant = 0;
  for (std::uint64_t trial = 0; trial < trials; ++trial) {
    const std::vector<LocalMap> maps = {{"a", "1", "", random_field(side, 3.0, 100 + 2 * trial), true},
                                        {"b", "1", "", random_field(side, 3.0, 101 + 2 * trial), false}};
    const auto relations = relate_maps(Communicator::self(), maps, side, side);
    const double r = relations.correlation[relations.at(0, 1)];
    squares += r * r / trials;
    stated += std::pow(relations.correlation_error[relations.at(0, 1)], 2) / trials;
    significant += relations.probability[relations.at(0, 1)] < 0.05 ? 1 : 0;
    EXPECT_TRUE(
        std::isnan(relations.cross_correlation[static_cast<std::size_t>(relations.lags)]));  // b is not followed
  }
  EXPECT_NEAR(std::sqrt(squares) / std::sqrt(stated), 1.0, 0.3);  // 60 trials: 9 %, and the errors' own bias
  EXPECT_GT(std::sqrt(squares), 5.0 / side);                      // what uncorrelated positions would give, times 5
  EXPECT_LE(significant, 8);                                      // 3 expected
}

TEST(MapRelations, WithAThirdMapHeldFixed) {
  constexpr std::int64_t side = 64;
  const auto thickness = random_field(side, 2.0, 301);
  const auto own_a = random_field(side, 2.0, 302);
  const auto own_b = random_field(side, 2.0, 303);
  std::vector<LocalMap> maps(3);
  maps[0] = {"thickness", "1", "", thickness, true};
  for (std::size_t i = 0; i < thickness.size(); ++i) {
    maps[1].values.push_back(2.0F * thickness[i] + own_a[i]);
    maps[2].values.push_back(thickness[i] - own_b[i]);
  }
  const auto relations = relate_maps(communicator(), maps, side, side);
  EXPECT_GT(relations.correlation[relations.at(1, 2)], 0.45);
  EXPECT_NEAR(relations.partial[relations.at(1, 2)], 0.0, 3.0 * relations.correlation_error[relations.at(1, 2)]);
}

TEST(MapRelations, LeaveOutWhatIsMissing) {
  constexpr std::int64_t side = 32;
  const float missing = std::numeric_limits<float>::quiet_NaN();
  std::vector<LocalMap> maps = {{"a", "1", "", random_field(side, 2.0, 401), true},
                                {"flat", "1", "", std::vector<float>(side * side, 0.7F), true},
                                {"empty", "1", "", std::vector<float>(side * side, missing), true}};
  maps[0].values[5] = missing;
  const auto relations = relate_maps(communicator(), maps, side, side);
  EXPECT_EQ(relations.summaries[0].positions, side * side - 1.0);
  EXPECT_TRUE(std::isfinite(relations.summaries[0].correlation_length));
  EXPECT_TRUE(std::isnan(relations.summaries[2].mean));
  EXPECT_TRUE(std::isnan(relations.correlation[relations.at(0, 1)]));
  EXPECT_TRUE(std::isnan(relations.correlation[relations.at(0, 2)]));
  EXPECT_NEAR(relations.correlation[relations.at(0, 0)], 1.0, 1e-12);
  EXPECT_EQ(relate_maps(communicator(), maps, 1, side * side).lags, 0);
}

}  // namespace
}  // namespace mesoglass::diffraction
