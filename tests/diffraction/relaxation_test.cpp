// Correlation in time and its fit against plain loops, exact curves and series with planted dynamics.
#include <gtest/gtest.h>

#include <cmath>
#include <complex>

#include "core/random_stream.hpp"
#include "diffraction/intensity_correlation.hpp"
#include "diffraction/relaxation_fit.hpp"
#include "phantom/speckle_dynamics.hpp"

namespace mesoglass::diffraction {
namespace {

// Samples in sectors of equal width.
std::vector<Range> sectors_of(std::int64_t samples, std::int64_t sectors) {
  std::vector<Range> ranges;
  for (std::int64_t i = 0; i < sectors; ++i) ranges.push_back({i * samples / sectors, (i + 1) * samples / sectors});
  return ranges;
}

std::vector<std::vector<double>> without_each(const CorrelationSums& sums) {
  std::vector<std::vector<double>> without;
  for (std::size_t sector = 0; sector < sums.sectors; ++sector) without.push_back(sums.g2(sector));
  return without;
}

// A series as a detector sees it: every speckle lights one sample of its own, on a background, and is counted.
struct Series {
  std::int64_t frames = 200;
  std::int64_t speckles = 90;
  double tau = 10.0;  // frames
  double beta = 1.0;
  double background = 20.0, brightness = 5.0;  // electrons
  std::uint64_t seed = 1;

  [[nodiscard]] std::vector<float> counted() const {
    std::vector<float> values(static_cast<std::size_t>(frames * speckles));
    for (std::int64_t speckle = 0; speckle < speckles; ++speckle) {
      std::vector<float> factor(static_cast<std::size_t>(frames), 1.0F);
      if (brightness > 0.0) {
        factor = phantom::fluctuating_brightness(seed, static_cast<std::uint64_t>(speckle), frames, 1.0, tau, beta);
      }
      RandomStream random(seed, RandomPurpose::test, static_cast<std::uint64_t>(speckle), 7);
      for (std::int64_t frame = 0; frame < frames; ++frame) {
        const double mean = background + brightness * static_cast<double>(factor[static_cast<std::size_t>(frame)]);
        values[static_cast<std::size_t>(frame * speckles + speckle)] = static_cast<float>(random.poisson(mean));
      }
    }
    return values;
  }
  [[nodiscard]] CorrelationSums correlated() const {
    return correlate_frames(counted(), std::vector<std::uint8_t>(static_cast<std::size_t>(frames), 1),
                            correlation_lags(frames), sectors_of(speckles, 9));
  }
  [[nodiscard]] MeasuredRelaxation measured() const {
    const auto sums = correlated();
    const FiniteSeriesModel model(frames, correlation_lags(frames));
    return measure_relaxation(model, sums.g2(), without_each(sums), sums.pair_deviation, 4.0);
  }
};

TEST(CorrelationLags, AscendToHalfOfTheSeries) {
  for (const std::int64_t frames : {8, 33, 200, 5000}) {
    const auto lags = correlation_lags(frames);
    EXPECT_EQ(lags.front(), 1);
    EXPECT_LE(lags.back(), frames / 2);
    EXPECT_GT(lags.back(), frames / 2 - frames / 16 - 1);
    for (std::size_t i = 1; i < lags.size(); ++i) EXPECT_GT(lags[i], lags[i - 1]);
  }
  EXPECT_TRUE(correlation_lags(1).empty());
}

// Against the definition, one sum after the other; frames missing or not.
TEST(CorrelateFrames, IsWhatPlainLoopsGive) {
  RandomStream random(5, RandomPurpose::test);
  for (const bool gaps : {false, true}) {
    const std::int64_t frames = 41, samples = 37;
    std::vector<std::uint8_t> kept(static_cast<std::size_t>(frames), 1);
    if (gaps) {
      for (const std::size_t lost : {0U, 3U, 4U, 20U, 40U}) kept[lost] = 0;
    }
    std::vector<float> values;
    for (std::int64_t frame = 0; frame < frames; ++frame) {
      for (std::int64_t i = 0; i < samples; ++i) {
        const double value = random.uniform(1.0, 3.0);
        values.push_back(kept[static_cast<std::size_t>(frame)] != 0 ? static_cast<float>(value) : 0.0F);
      }
    }
    const auto lags = correlation_lags(frames);
    const auto sectors = sectors_of(samples, 4);
    const auto sums = correlate_frames(values, kept, lags, sectors);
    const auto at = [&](std::int64_t frame, std::int64_t sample) {
      return static_cast<double>(values[static_cast<std::size_t>(frame * samples + sample)]);
    };
    const auto is_kept = [&](std::int64_t frame) { return kept[static_cast<std::size_t>(frame)] != 0; };
    for (std::size_t index = 0; index < lags.size(); ++index) {
      const std::int64_t lag = lags[index];
      double all_products = 0.0, all_means = 0.0;
      for (std::size_t sector = 0; sector < sectors.size(); ++sector) {
        double product = 0.0, mean = 0.0;
        for (std::int64_t i = sectors[sector].begin; i < sectors[sector].end; ++i) {
          double pairs = 0.0, sum = 0.0, unequal = 0.0, both = 0.0;
          for (std::int64_t a = 0; a < frames - lag; ++a) {
            if (is_kept(a) && is_kept(a + lag)) {
              sum += at(a, i) * at(a + lag, i);
              pairs += 1.0;
            }
            for (std::int64_t b = lag; b < frames; ++b) {
              if (a == b || !is_kept(a) || !is_kept(b)) continue;
              both += at(a, i) * at(b, i);
              unequal += 1.0;
            }
          }
          product += sum / pairs;
          mean += both / unequal;
        }
        EXPECT_NEAR(sums.products[sector * lags.size() + index], product, 1e-11 * product);
        EXPECT_NEAR(sums.means[sector * lags.size() + index], mean, 1e-11 * mean);
        all_products += product;
        all_means += mean;
      }
      EXPECT_NEAR(sums.g2()[index], all_products / all_means, 1e-12);
    }
  }
}

// A third of an electron a frame: equal frames in the product of the means would lower g2 by 1 / (m T) = 0.03.
TEST(CorrelateFrames, CountingNoiseIsInNeitherPart) {
  const std::int64_t frames = 100, samples = 4000;
  RandomStream random(11, RandomPurpose::test);
  std::vector<float> values(static_cast<std::size_t>(frames * samples));
  for (float& value : values) value = static_cast<float>(random.poisson(0.33));
  const auto lags = correlation_lags(frames);
  const auto sums = correlate_frames(values, std::vector<std::uint8_t>(static_cast<std::size_t>(frames), 1), lags,
                                     sectors_of(samples, 9));
  // One pair of frames scatters by sqrt(samples) m / (samples m^2): what pair_deviation measures too.
  const double pair = 1.0 / (0.33 * std::sqrt(static_cast<double>(samples)));
  EXPECT_NEAR(sums.pair_deviation, pair, 0.05 * pair);
  double mean = 0.0;
  for (std::size_t i = 0; i < lags.size(); ++i) {
    const double deviation = sums.g2()[i] - 1.0;
    EXPECT_LT(std::fabs(deviation), 5.0 * pair / std::sqrt(static_cast<double>(frames - lags[i])));
    mean += deviation / static_cast<double>(lags.size());
  }
  EXPECT_NEAR(mean, 0.0, 4.0 * pair / std::sqrt(75.0 * static_cast<double>(lags.size())));
}

TEST(FiniteSeriesModel, IsTheMeanOverPairsOfFrames) {
  const std::int64_t frames = 30;
  const auto lags = correlation_lags(frames);
  const FiniteSeriesModel model(frames, lags);
  std::vector<double> g2(lags.size());
  for (const Relaxation r : {Relaxation{0.3, 6.0, 0.6}, Relaxation{2.0, 50.0, 1.4}, Relaxation{0.05, 0.8, 1.0}}) {
    model.evaluate(r, g2);
    for (std::size_t i = 0; i < lags.size(); ++i) {
      double sum = 0.0, pairs = 0.0;
      for (std::int64_t a = 0; a < frames - lags[i]; ++a) {
        for (std::int64_t b = lags[i]; b < frames; ++b) {
          if (a == b) continue;
          sum += stretched_decay(static_cast<double>(std::abs(b - a)), r.time, r.stretching);
          pairs += 1.0;
        }
      }
      const double decay = stretched_decay(static_cast<double>(lags[i]), r.time, r.stretching);
      EXPECT_NEAR(g2[i], (1.0 + r.contrast * decay) / (1.0 + r.contrast * sum / pairs), 1e-12);
    }
  }
}

TEST(FiniteSeriesModel, SlopesAreThoseOfDifferences) {
  const auto lags = correlation_lags(64);
  const FiniteSeriesModel model(64, lags);
  const Relaxation r{0.4, 9.0, 0.7};
  std::vector<double> g2(lags.size()), slopes(3 * lags.size()), above(lags.size()), below(lags.size());
  model.evaluate(r, g2, slopes);
  constexpr double step = 1e-5;  // of a logarithm: central differences are right to 1e-10
  for (int q = 0; q < 3; ++q) {
    const auto moved = [&](double by) {
      const double factor = std::exp(by);
      return Relaxation{q == 0 ? r.contrast * factor : r.contrast, q == 1 ? r.time * factor : r.time,
                        q == 2 ? r.stretching * factor : r.stretching};
    };
    model.evaluate(moved(step), above);
    model.evaluate(moved(-step), below);
    for (std::size_t i = 0; i < lags.size(); ++i) {
      EXPECT_NEAR(slopes[3 * i + static_cast<std::size_t>(q)], (above[i] - below[i]) / (2.0 * step), 1e-8);
    }
  }
}

// Exact curves of random parameters come back to rounding.
TEST(RelaxationFit, ExactCurvesComeBack) {
  RandomStream random(3, RandomPurpose::test);
  for (int number = 0; number < 60; ++number) {
    const auto frames = 40 + random.index(400);
    const auto lags = correlation_lags(frames);
    const bool given = number % 3 == 0;
    const double beta = random.uniform(0.4, 1.8);
    const Relaxation truth{std::exp(random.uniform(-7.0, 0.5)),
                           std::exp(random.uniform(std::log(2.0), std::log(0.3 * static_cast<double>(frames)))), beta};
    const FiniteSeriesModel model(frames, lags, given ? std::optional(beta) : std::nullopt);
    std::vector<double> g2(lags.size());
    model.evaluate(truth, g2);
    const auto found = model.fit(g2);
    ASSERT_TRUE(found) << number;
    EXPECT_NEAR(found->time, truth.time, 1e-4 * truth.time) << number << ": beta " << beta << ", frames " << frames;
    EXPECT_NEAR(found->stretching, truth.stretching, 1e-4) << number;
    EXPECT_NEAR(found->contrast, truth.contrast, 1e-4 * truth.contrast) << number;
  }
  const FiniteSeriesModel model(50, correlation_lags(50));
  EXPECT_FALSE(model.fit(std::vector<double>(model.lags().size(), 1.0)));
  EXPECT_FALSE(model.fit(std::vector<double>(model.lags().size(), std::nan(""))));
}

// Random cases, none of them chosen: 270 speckles, 8 to 30 relaxation times in the series.
TEST(RelaxationFit, PlantedDynamicsComeBackWithinTheStatedErrors) {
  RandomStream random(2024, RandomPurpose::test);
  constexpr int cases = 24;
  double squares = 0.0, sum = 0.0, largest_error = 0.0, beta_squares = 0.0;
  for (int number = 0; number < cases; ++number) {
    Series series;
    series.seed = 700 + static_cast<std::uint64_t>(number);
    series.frames = 120 + random.index(120);
    series.speckles = 270;
    series.tau = static_cast<double>(series.frames) / random.uniform(8.0, 30.0);  // 4 frames or more
    series.beta = random.uniform(0.6, 1.5);
    series.background = random.uniform(0.0, 40.0);
    series.brightness = random.uniform(8.0, 20.0);
    const auto found = series.measured();
    ASSERT_EQ(found.state, RelaxationState::determined) << number;
    const double pull = std::log(found.value.time / series.tau) / (found.error.time / found.value.time);
    const double beta_pull = (found.value.stretching - series.beta) / found.error.stretching;
    // Student's t with eight degrees of freedom exceeds 6.4 once in 5000 times.
    EXPECT_LT(std::fabs(pull), 6.4) << number << ": tau " << series.tau << " found " << found.value.time;
    squares += pull * pull / cases;
    beta_squares += beta_pull * beta_pull / cases;
    sum += std::log(found.value.time / series.tau) / cases;
    largest_error = std::max(largest_error, found.error.time / found.value.time);
  }
  // The variance of such a t is 8/6; the mean of 24 squares scatters by some 0.5.
  EXPECT_NEAR(squares, 1.33, 1.3);
  EXPECT_NEAR(beta_squares, 1.33, 1.3);
  EXPECT_NEAR(sum, 0.0, 0.04);
  EXPECT_LT(largest_error, 0.35);
}

// An autoregressive process of first order, made here, has beta = 1 exactly; series of three relaxation times only.
TEST(RelaxationFit, ShortSeriesAreNotBiased) {
  const std::int64_t frames = 60, speckles = 4500;
  const double tau = 20.0;
  const double kept_part = std::exp(-1.0 / tau);
  std::vector<float> values(static_cast<std::size_t>(frames * speckles));
  RandomStream random(99, RandomPurpose::test);
  for (std::int64_t speckle = 0; speckle < speckles; ++speckle) {
    std::complex<double> field(random.normal(), random.normal());
    for (std::int64_t frame = 0; frame < frames; ++frame) {
      values[static_cast<std::size_t>(frame * speckles + speckle)] = static_cast<float>(10.0 + std::norm(field));
      field = kept_part * field +
              std::sqrt(1.0 - kept_part * kept_part) * std::complex<double>(random.normal(), random.normal());
    }
  }
  const auto lags = correlation_lags(frames);
  const auto sums = correlate_frames(values, std::vector<std::uint8_t>(static_cast<std::size_t>(frames), 1), lags,
                                     sectors_of(speckles, 9));
  const FiniteSeriesModel model(frames, lags);
  const auto found = measure_relaxation(model, sums.g2(), without_each(sums), sums.pair_deviation, 4.0);
  ASSERT_EQ(found.state, RelaxationState::determined);
  EXPECT_LT(found.error.time, 0.2 * tau);
  EXPECT_LT(std::fabs(found.value.time - tau), 4.0 * found.error.time);
  EXPECT_NEAR(found.value.stretching, 1.0, 4.0 * found.error.stretching);
  // A of a background of 10 and a speckle of mean 2 and variance 4 (norm of two unit normals).
  EXPECT_NEAR(found.value.contrast, 4.0 / 144.0, 4.0 * found.error.contrast);
  // The normalised g2 itself has lost v of its contrast, and falls below 1 at long lags: the model knows.
  const auto g2 = sums.g2();
  EXPECT_LT(g2.front() - 1.0, 0.75 * 4.0 / 144.0);
  EXPECT_LT(g2.back(), 1.0);
}

TEST(RelaxationFit, NoiseIsNoRelaxation) {
  int seen = 0;
  constexpr int cases = 200;
  for (int number = 0; number < cases; ++number) {
    Series series;
    series.seed = 4000 + static_cast<std::uint64_t>(number);
    series.frames = 60;
    series.brightness = 0.0;
    series.background = number % 2 == 0 ? 20.0 : 0.5;
    seen += series.measured().state != RelaxationState::not_seen ? 1 : 0;
  }
  // Four standard errors, the best of many decays: below 1 %.
  EXPECT_LE(seen, 4);
}

TEST(RelaxationFit, WhatIsTooSlowOrTooFastIsSaid) {
  Series series;
  series.frames = 100;
  series.brightness = 30.0;
  series.tau = 1e4;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    series.seed = seed;
    EXPECT_NE(series.measured().state, RelaxationState::determined);
  }
  series.tau = 0.1;  // gone before the next frame
  EXPECT_EQ(series.measured().state, RelaxationState::not_seen);
  EXPECT_TRUE(std::isnan(series.measured().value.time));
}

}  // namespace
}  // namespace mesoglass::diffraction
