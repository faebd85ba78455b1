// Polar sampling, harmonics, noise weights and masks against formulas and plain sums.
#include <gtest/gtest.h>

#include <complex>
#include <numeric>

#include "diffraction/angular_harmonics.hpp"
#include "diffraction/jackknife.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/pattern_statistics.hpp"
#include "diffraction/polar_sampling.hpp"
#include "support/mpi_test.hpp"
#include "synthetic_patterns.hpp"

namespace mesoglass::diffraction {
namespace {

using namespace test;

const PatternShape detector{128, 128};

void add_pattern(PatternStatistics& statistics, std::int64_t row, std::int64_t column, std::span<const float> pattern,
                 const InterpolationTable& table) {
  PatternPass pass(table.grid(), detector, &statistics, nullptr, nullptr);
  pass.add(row, column, pattern, table);
  pass.flush();
}

// |I_n|^2 of one line by a variant's kernel, in every lane the same.
std::vector<float> powers_of(const LaneKernels& kernels, std::span<const float> line) {
  const HarmonicPowers harmonics(static_cast<int>(line.size()));
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  std::vector<float> values, work(harmonics.tables().work_values(kernels.lanes));
  for (const float value : line) values.insert(values.end(), lanes, value);
  std::vector<float> powers(static_cast<std::size_t>(harmonics.padded_orders()) * lanes);
  kernels.harmonic_powers(harmonics.tables(), values.data(), work.data(), powers.data());
  std::vector<float> first;
  for (std::size_t n = 0; n < static_cast<std::size_t>(harmonics.orders()); ++n) first.push_back(powers[n * lanes]);
  return first;
}

class HarmonicPowersTest : public ::testing::TestWithParam<int> {};

TEST_P(HarmonicPowersTest, EqualThePlainTransform) {
  const int angles = GetParam();
  RandomStream random(5, RandomPurpose::test, static_cast<std::uint64_t>(angles));
  std::vector<float> line(static_cast<std::size_t>(angles));
  for (float& value : line) value = static_cast<float>(random.uniform(0.0, 2.0));
  for (const LaneKernels* kernels : available_kernels()) {
    const auto powers = powers_of(*kernels, line);
    for (int n = 0; n <= angles / 2; ++n) {
      std::complex<double> sum = 0.0;
      for (int j = 0; j < angles; ++j) {
        sum +=
            static_cast<double>(line[static_cast<std::size_t>(j)]) * std::polar(1.0, -2.0 * units::pi * n * j / angles);
      }
      const double expected = std::norm(sum);
      // Single precision: sums of `angles` values of about 1.
      EXPECT_NEAR(powers[static_cast<std::size_t>(n)], expected, 2e-6 * angles * (std::sqrt(expected) + 1.0))
          << kernels->name << ", " << angles << " angles, n = " << n;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Angles, HarmonicPowersTest, ::testing::Values(8, 10, 12, 64, 126, 128, 180, 1022));

// I = 1 + a cos(n (phi - phi0)) has c_n = a^2 / 4 exactly.
TEST(PolarSampling, PlantedHarmonicsComeBackThroughCentreAndEllipse) {
  const Point centre{62.3, 65.8};
  const Ellipse ellipse = Ellipse::from_axes(1.03, 0.7);
  const PolarGrid grid{30.0, 1.0, 21, 126};
  for (const int n : {2, 4, 6, 10}) {
    const double amplitude = 0.3;
    const auto pattern = draw_pattern(detector, centre, ellipse, [&](double, double phi) {
      return 100.0 * (1.0 + amplitude * std::cos(n * (phi - 0.3)));
    });
    const InterpolationTable table(grid, detector, centre, ellipse, {});
    PatternStatistics statistics(grid, 1e-12, 12, 1, 1, best_kernels());
    add_pattern(statistics, 0, 0, pattern, table);
    const PatternAverages averages = statistics.averages(Communicator::self());
    for (int bin = 0; bin < grid.bins; ++bin) {
      const double expected = amplitude * amplitude / 4.0;
      // Bilinear sampling smooths waves of 2 pi r / n pixels slightly: (1 - (2 pi n / r)^2 / 24)^2 or so.
      EXPECT_NEAR(averages.power[static_cast<std::size_t>(n * grid.bins + bin)], expected, 0.03 * expected) << n;
      EXPECT_NEAR(averages.power[static_cast<std::size_t>((n + 1) * grid.bins + bin)], 0.0, 0.01 * expected) << n;
      EXPECT_NEAR(averages.order[static_cast<std::size_t>(bin)], expected, 0.03 * expected);
    }
  }
}

// Ignoring an ellipse of 3.5 % fakes n = 2, the more the steeper the halo; folding it in removes it.
TEST(PolarSampling, EllipseFoldedInRemovesTwofoldArtefact) {
  const Ellipse ellipse = Ellipse::from_axes(1.035, 0.4);
  const auto pattern = draw_pattern(detector, {63.5, 63.5}, ellipse, glass(5.0, 1e4, 40.0, 4.0, 100.0));
  const PolarGrid grid{44.0, 1.0, 1, 126};
  const auto power_2 = [&](const Ellipse& used) {
    std::vector<float> polar(grid.samples());
    InterpolationTable(grid, detector, {63.5, 63.5}, used, {}).transform(pattern, polar);
    const auto powers = powers_of(best_kernels(), polar);
    return powers[2] / powers[0];
  };
  EXPECT_GT(power_2({}), 2e-3);
  EXPECT_LT(power_2(ellipse), 2e-6);
}

TEST(PolarSampling, TablesAreSharedByNearlyEqualCentres) {
  const PolarGrid grid{10.0, 1.0, 5, 126};
  InterpolationTables tables(grid, detector, {}, {}, 2);
  const auto first = tables.at({60.0, 60.0}).identity();
  EXPECT_EQ(tables.at({60.01, 59.99}).identity(), first);
  EXPECT_NE(tables.at({60.1, 60.0}).identity(), first);
  (void)tables.at({61.0, 60.0});
  EXPECT_NE(tables.at({60.0, 60.0}).identity(), first);  // dropped as the oldest, made again
}

// The noise of flat counted patterns: without removal c_n = beta_n / I_0, with removal nothing is left.
TEST(NoiseBias, IsRemovedFromFlatCountedPatterns) {
  const PolarGrid grid{20.0, 8.0, 4, 126};
  const Point centre{63.5, 63.5};
  const double gain = 3.0;
  const double electrons = 5.0;
  const InterpolationTable table(grid, detector, centre, {}, {});
  PatternStatistics statistics(grid, gain, 12, 40, 10, best_kernels());
  for (int index = 0; index < 400; ++index) {
    std::vector<float> pattern(static_cast<std::size_t>(detector.pixels()), static_cast<float>(electrons * gain));
    count_electrons(pattern, gain, 11, static_cast<std::uint64_t>(index));
    add_pattern(statistics, index / 10, index % 10, pattern, table);
  }
  const PatternAverages averages = statistics.averages(Communicator::self());
  for (int bin = 0; bin < grid.bins; ++bin) {
    EXPECT_NEAR(averages.radial_intensity[static_cast<std::size_t>(bin)], electrons, 0.05);
    double worst = 0.0;
    for (int n = 1; n < averages.orders; ++n) {
      const auto place = static_cast<std::size_t>(n * grid.bins + bin);
      EXPECT_GT(averages.noise_bias[place], 0.1 / (126.0 * electrons));
      // 400 patterns: an exponentially distributed c_n has a standard error of bias / 20.
      EXPECT_NEAR(averages.power[place], 0.0, 0.27 * averages.noise_bias[place]) << "n = " << n;
      worst = std::max(worst, std::fabs(averages.power[place] / averages.power_error[place]));
    }
    EXPECT_LT(worst, 7.0);
    // The sum over n = 1 ... 62 pins the bias to 2 %.
    double sum = 0.0, bias = 0.0;
    for (int n = 1; n < averages.orders; ++n) {
      sum += averages.power[static_cast<std::size_t>(n * grid.bins + bin)];
      bias += averages.noise_bias[static_cast<std::size_t>(n * grid.bins + bin)];
    }
    EXPECT_NEAR(sum, 0.0, 0.03 * bias) << bin;
  }
}

// A quarter of the circle hidden: the masked form still gives the planted c_n, and without noise nothing else.
TEST(MaskedHarmonics, GiveThePlantedPowerBehindABeamStop) {
  const Point centre{63.5, 63.5};
  const PolarGrid grid{40.0, 1.0, 1, 126};
  std::vector<std::uint8_t> good(static_cast<std::size_t>(detector.pixels()), 1);
  for (std::int64_t y = 0; y < 128; ++y) {
    for (std::int64_t x = 0; x < 128; ++x) {
      if (std::fabs(std::atan2(static_cast<double>(y) - 63.5, static_cast<double>(x) - 63.5)) < 0.4) {
        good[static_cast<std::size_t>(y * 128 + x)] = 0;
      }
    }
  }
  const InterpolationTable table(grid, detector, centre, {}, good);
  EXPECT_LT(table.valid_angles(0), 115);
  // Random phases: the masked estimate is unbiased only over orientations.
  PatternStatistics statistics(grid, 1e-12, 12, 20, 20, best_kernels());
  for (int index = 0; index < 400; ++index) {
    const double phase = 2.0 * units::pi * index / 400.0;
    const auto pattern = draw_pattern(detector, centre, {}, [&](double, double phi) {
      return 10.0 * (1.0 + 0.4 * std::cos(4.0 * (phi - phase / 4.0)));
    });
    add_pattern(statistics, index / 20, index % 20, pattern, table);
  }
  const PatternAverages averages = statistics.averages(Communicator::self());
  // Each pattern is divided by its own mean over the visible angles, which moves with the phase: some 3 % at this
  // amplitude.
  EXPECT_NEAR(averages.power[4], 0.04, 0.05 * 0.04);
  EXPECT_NEAR(averages.power[3], 0.0, 0.05 * 0.04);
}

TEST(MaskedHarmonics, WithoutMaskChangeNothing) {
  const MaskedHarmonics masked(std::vector<bool>(126, true));
  std::vector<double> powers(64);
  std::iota(powers.begin(), powers.end(), 1.0);
  const auto same = masked.apply(std::span<const double>(powers));
  for (std::size_t n = 0; n < powers.size(); ++n) EXPECT_NEAR(same[n], powers[n], 1e-4);
}

TEST(Jackknife, OfMeansIsTheStandardError) {
  const std::vector<double> values = {1.0, 4.0, 2.0, 7.0, 3.0};
  std::vector<double> without;
  for (const double left_out : values) without.push_back((17.0 - left_out) / 4.0);
  double squares = 0.0;
  for (const double value : values) squares += (value - 3.4) * (value - 3.4);
  EXPECT_NEAR(jackknife_error(without), std::sqrt(squares / 4.0 / 5.0), 1e-12);
}

}  // namespace
}  // namespace mesoglass::diffraction
