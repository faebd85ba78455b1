// Statistics against textbook values, closed forms and simulation.
#include "ensemble/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random_stream.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::ensemble {
namespace {

using Values = std::vector<double>;

// Student's sleep data (Biometrika 6 (1908) 1): extra hours under two drugs, ten patients each.
const Values drug_1 = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
const Values drug_2 = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

Values normal_sample(std::uint64_t number, std::size_t count, double shift = 0.0) {
  RandomStream random(99, RandomPurpose::test, number);
  Values values(count);
  for (double& value : values) value = shift + random.normal();
  return values;
}

TEST(Moments, areTheTextbooks) {
  EXPECT_NEAR(mean(drug_1), 0.75, 1e-14);
  EXPECT_NEAR(standard_deviation(drug_1), 1.789010, 1e-6);  // published with the data
  EXPECT_NEAR(mean(drug_2), 2.33, 1e-14);
  EXPECT_NEAR(standard_deviation(drug_2), 2.002249, 1e-6);
  EXPECT_NEAR(standard_error(drug_1), 1.789010 / std::sqrt(10.0), 1e-6);
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(standard_deviation(Values{1.0})));
}

TEST(EffectSize, isHedgesWithItsExactCorrection) {
  // Cohen's d = 1.58 / sqrt((1.789010^2 + 2.002249^2) / 2) = 0.832181; the exact correction for 18 degrees of freedom
  // is Gamma(9) / (3 Gamma(8.5)) = 0.957647.
  EXPECT_NEAR(hedges_g(drug_2, drug_1), 0.832181 * 0.957647, 2e-6);
  EXPECT_NEAR(hedges_g(drug_1, drug_2), -0.832181 * 0.957647, 2e-6);
  EXPECT_TRUE(std::isnan(hedges_g(Values{1.0}, drug_1)));
  EXPECT_TRUE(std::isnan(hedges_g(Values{1.0, 1.0}, Values{2.0, 2.0})));
}

// The correction is what makes it unbiased: at 4 + 4 values the plain d is 15 % too large.
TEST(EffectSize, isUnbiased) {
  double sum = 0.0;
  double square = 0.0;
  constexpr int trials = 20000;
  for (int trial = 0; trial < trials; ++trial) {
    const auto number = static_cast<std::uint64_t>(2 * trial);
    const double g = hedges_g(normal_sample(number, 4, 1.0), normal_sample(number + 1, 4));
    sum += g;
    square += g * g;
  }
  const double average = sum / trials;
  EXPECT_NEAR(average, 1.0, 5 * std::sqrt((square / trials - average * average) / trials));
}

TEST(Permutation, countsAllRegroupingsExactly) {
  // Of the C(4, 2) = 6 regroupings of {1, 2 | 3, 4} two have a difference of means of 2.
  EXPECT_DOUBLE_EQ(permutation_p_value(Values{1, 2}, Values{3, 4}, 1000, 1, 0), 2.0 / 6.0);
  // Complete separation of 5 and 5: 2 of 252.
  EXPECT_DOUBLE_EQ(permutation_p_value(Values{1, 2, 3, 4, 5}, Values{6, 7, 8, 9, 10}, 1000, 1, 0), 2.0 / 252.0);
  EXPECT_DOUBLE_EQ(permutation_p_value(Values{1, 1}, Values{1, 1}, 1000, 1, 0), 1.0);
  // Equal sums reached by different round-off still count: 0.1 + 0.6 against 0.3 + 0.4.
  EXPECT_DOUBLE_EQ(permutation_p_value(Values{0.1, 0.6}, Values{0.3, 0.4}, 1000, 1, 0), 1.0);
}

TEST(Permutation, byChanceAgreesWithAllRegroupings) {
  // 184,756 regroupings against 20,000 random ones: 5 binomial standard errors.
  const double exact = permutation_p_value(drug_1, drug_2, 200000, 1, 0);
  const double random = permutation_p_value(drug_1, drug_2, 20000, 1, 0);
  EXPECT_NEAR(exact, 0.08145, 5e-5);  // the value that is quoted for these data
  EXPECT_NEAR(random, exact, 5 * std::sqrt(exact * (1 - exact) / 20000));
  EXPECT_NE(random, exact);
}

// Under the null the test rejects at its level and no more often; with an effect it mostly rejects.
TEST(Permutation, hasItsSizeAndPower) {
  constexpr int trials = 1500;
  int null_rejections = 0;
  int effect_rejections = 0;
  for (int trial = 0; trial < trials; ++trial) {
    const auto number = static_cast<std::uint64_t>(10000 + 2 * trial);
    const auto one = normal_sample(number, 8);
    if (permutation_p_value(one, normal_sample(number + 1, 8), 199, 5, static_cast<std::uint32_t>(trial)) <= 0.05) {
      ++null_rejections;
    }
    if (permutation_p_value(one, normal_sample(number + 1, 8, 1.506), 199, 5, static_cast<std::uint32_t>(trial)) <=
        0.05) {
      ++effect_rejections;
    }
  }
  EXPECT_NEAR(null_rejections, 0.05 * trials, 4 * std::sqrt(0.05 * 0.95 * trials));
  // A t test with 8 and 8 runs has power 0.8 at an effect of 1.506; 199 resamples cost a few per cent.
  EXPECT_NEAR(effect_rejections, 0.79 * trials, 0.04 * trials);
}

double coverage(std::size_t count, bool skewed, int trials) {
  int covered = 0;
  for (int trial = 0; trial < trials; ++trial) {
    RandomStream random(7, RandomPurpose::test, static_cast<std::uint64_t>(trial), static_cast<std::uint32_t>(count));
    Values values(count);
    for (double& value : values) value = skewed ? random.exponential() - 1.0 : random.normal();
    const auto interval = mean_interval(values, 0.95, 599, 3, static_cast<std::uint32_t>(trial));
    if (interval.low <= 0.0 && 0.0 <= interval.high) ++covered;
  }
  return static_cast<double>(covered) / trials;
}

// Normal data: the stated 95 % within 2.5 % (binomial standard error 0.5 %). A plain percentile bootstrap of 7 values
// covers 0.89.
TEST(Interval, coversTheTruthAsOftenAsItSays) {
  for (const std::size_t count : {3, 7, 20}) EXPECT_NEAR(coverage(count, false, 2000), 0.95, 0.025) << count;
  // Skewed (exponential) data of 20: Student's t covers 0.92.
  EXPECT_NEAR(coverage(20, true, 2000), 0.95, 0.03);
}

TEST(Interval, isStudentsForFewValues) {
  // t(0.975, 4) = 2.776445.
  const Values values = {1, 2, 3, 4, 5};
  const auto interval = mean_interval(values, 0.95, 1000, 1, 0);
  EXPECT_NEAR(interval.low, 3 - 2.776445 * std::sqrt(0.5), 1e-6);
  EXPECT_NEAR(interval.high, 3 + 2.776445 * std::sqrt(0.5), 1e-6);
  EXPECT_TRUE(std::isnan(mean_interval(Values{1.0}, 0.95, 1000, 1, 0).low));
  EXPECT_EQ(mean_interval(Values(9, 2.0), 0.95, 1000, 1, 0).high, 2.0);
}

TEST(Interval, ofManyValuesIsStudents) {
  const auto values = normal_sample(77, 400);
  const auto interval = mean_interval(values, 0.95, 4000, 1, 0);
  const double half_width = 1.966 * standard_error(values);
  EXPECT_NEAR(interval.low, mean(values) - half_width, 0.1 * half_width);
  EXPECT_NEAR(interval.high, mean(values) + half_width, 0.1 * half_width);
}

TEST(Interval, isAPureFunction) {
  const auto one = mean_interval(drug_1, 0.9, 500, 1, 3);
  const auto again = mean_interval(drug_1, 0.9, 500, 1, 3);
  EXPECT_EQ(one.low, again.low);
  EXPECT_EQ(one.high, again.high);
  EXPECT_NE(one.low, mean_interval(drug_1, 0.9, 500, 1, 4).low);
}

// Cohen, Statistical Power Analysis (1988), table 2.4.1: 80 % power at the two-sided 5 % level.
TEST(RequiredRuns, areCohens) {
  EXPECT_EQ(runs_for_power(0.2, 0.95, 0.8), 394);
  EXPECT_EQ(runs_for_power(0.5, 0.95, 0.8), 64);
  EXPECT_EQ(runs_for_power(-0.8, 0.95, 0.8), 26);
  EXPECT_EQ(runs_for_power(1.0, 0.95, 0.8), 17);
  EXPECT_EQ(runs_for_power(0.5, 0.95, 0.9), 86);
  EXPECT_TRUE(std::isinf(runs_for_power(0.0, 0.95, 0.8)));
  EXPECT_TRUE(std::isinf(runs_for_power(1e-6, 0.95, 0.8)));
  EXPECT_TRUE(std::isnan(runs_for_power(std::nan(""), 0.95, 0.8)));
}

}  // namespace
}  // namespace mesoglass::ensemble
