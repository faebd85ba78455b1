// Statistics of repeated runs: means with their uncertainty, and how sure one may be that two groups differ. All are
// pure functions; resampling draws from counter-based streams, so results are the same in every run.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace mesoglass::ensemble {

// NaN where there are too few values: mean needs 1, the others 2.
[[nodiscard]] double mean(std::span<const double> values);
// Of a sample: divides by n - 1.
[[nodiscard]] double standard_deviation(std::span<const double> values);
[[nodiscard]] double standard_error(std::span<const double> values);

struct Interval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();
};

// Confidence interval of the mean at `confidence` (0 to 1 exclusive): studentised bootstrap (Efron and Tibshirani, An
// Introduction to the Bootstrap (1993), chapter 12) with `resamples` resamples from six values on; Student's t below,
// where resamples hold too few different values. NaN below two values; a point where all values are equal.
// `stream` tells apart intervals made with one seed.
[[nodiscard]] Interval mean_interval(std::span<const double> values, double confidence, int resamples,
                                     std::uint64_t seed, std::uint32_t stream);

// Hedges' g: (mean(values) - mean(reference)) over the pooled standard deviation, times the exact small-sample
// correction Gamma(m/2) / (sqrt(m/2) Gamma((m-1)/2)), m = n1 + n2 - 2 (Hedges, J. Educational Statistics 6 (1981) 107,
// equations 6d and 6e). NaN below two values in either group or without any spread.
[[nodiscard]] double hedges_g(std::span<const double> values, std::span<const double> reference);

// Two-sided p-value of a permutation test of equal means (statistic: |difference of means|): all regroupings where
// there are at most `resamples` of them, else that many random ones and (1 + hits) / (1 + resamples) (Phipson and
// Smyth, Stat. Appl. Genet. Mol. Biol. 9 (2010) 39), which is never zero. NaN where a group is empty.
[[nodiscard]] double permutation_p_value(std::span<const double> values, std::span<const double> reference,
                                         int resamples, std::uint64_t seed, std::uint32_t stream);

// Runs needed in each of two groups of equal size so that a two-sided t test at level 1 - confidence finds a
// standardised difference of `effect_size` with probability `power` (noncentral t distribution). Infinity for an effect
// of zero or more than a million runs; NaN for NaN.
[[nodiscard]] double runs_for_power(double effect_size, double confidence, double power);

}  // namespace mesoglass::ensemble
