// The fluctuations of a time series' speckles against their exact correlation.
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.hpp"
#include "phantom/speckle_dynamics.hpp"

namespace mesoglass::phantom {
namespace {

TEST(SpeckleDynamics, HasTheCorrelationThatItSays) {
  constexpr std::int64_t frames = 24;
  constexpr int series = 8000;
  for (const auto& [tau, beta] : {std::pair{5.0, 1.0}, {7.0, 0.5}, {3.0, 1.8}, {400.0, 0.8}}) {
    double mean = 0.0;
    std::vector<double> products(frames, 0.0);
    for (int number = 0; number < series; ++number) {
      const auto brightness =
          fluctuating_brightness(3, static_cast<std::uint64_t>(number), frames, 0.5, 0.5 * tau, beta);
      ASSERT_EQ(brightness.size(), static_cast<std::size_t>(frames));
      mean += static_cast<double>(brightness[5]) / series;
      for (std::size_t lag = 0; lag < products.size(); ++lag) {
        products[lag] += static_cast<double>(brightness[0]) * static_cast<double>(brightness[lag]) / series;
      }
    }
    // An exponential distribution: variance 1, and the product of two scatters by less than that of x^2, sqrt(20).
    EXPECT_NEAR(mean, 1.0, 5.0 / std::sqrt(series));
    for (std::size_t lag = 0; lag < products.size(); ++lag) {
      const double expected = 1.0 + std::exp(-2.0 * std::pow(static_cast<double>(lag) / tau, beta));
      EXPECT_NEAR(products[lag], expected, 4.5 * std::sqrt(20.0 / series)) << "tau " << tau << " lag " << lag;
    }
  }
}

TEST(SpeckleDynamics, IsAFunctionOfSeedAndNumber) {
  EXPECT_EQ(fluctuating_brightness(1, 2, 30, 1.0, 5.0, 0.7), fluctuating_brightness(1, 2, 30, 1.0, 5.0, 0.7));
  EXPECT_NE(fluctuating_brightness(1, 2, 30, 1.0, 5.0, 0.7), fluctuating_brightness(1, 3, 30, 1.0, 5.0, 0.7));
  EXPECT_NE(fluctuating_brightness(1, 2, 30, 1.0, 5.0, 0.7), fluctuating_brightness(2, 2, 30, 1.0, 5.0, 0.7));
}

TEST(SpeckleDynamics, WhatCannotBeDrawnExactlyIsRefused) {
  EXPECT_THROW((void)fluctuating_brightness(1, 1, 100, 1.0, 1e6, 1.9), Error);
  EXPECT_NO_THROW((void)fluctuating_brightness(1, 1, 100, 1.0, 1e9, 0.9));
}

TEST(PhantomModel, RelaxationTimeRunsAlongTheRow) {
  PhantomModel model;
  model.scan_nx = 11;
  model.scan_step_nm = 1.0;
  model.dynamics.relaxation_time_s = 6.0;
  model.dynamics.relaxation_ratio = 4.0;
  EXPECT_DOUBLE_EQ(model.relaxation_time_s(5.0), 6.0);
  EXPECT_DOUBLE_EQ(model.relaxation_time_s(0.0), 3.0);
  EXPECT_DOUBLE_EQ(model.relaxation_time_s(10.0), 12.0);
  EXPECT_DOUBLE_EQ(model.relaxation_time_s(-3.0), 3.0);
  EXPECT_DOUBLE_EQ(model.relaxation_time_s(99.0), 12.0);
}

}  // namespace
}  // namespace mesoglass::phantom
