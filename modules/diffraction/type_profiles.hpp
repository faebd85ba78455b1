// Kinds of medium-range order that overlap in k, told apart: their profiles over k from the covariance of intensities
// at different k, and the sums of maps that show one kind alone.
#pragma once

#include <span>
#include <vector>

namespace mesoglass::diffraction {

// At most this many kinds are told apart.
inline constexpr int most_profiles = 4;

// Speckles of one kind fall off like a Gaussian in k.
struct TypeProfile {
  double k = 0.0;         // of its middle
  double width = 0.0;     // standard deviation
  double strength = 0.0;  // mean square of what it adds to the intensity at its middle, over that of the strongest k
  [[nodiscard]] double at(double place) const noexcept;  // 1 at the middle
};

// A kind shown alone, also where others overlap with it in k.
struct SeparatedType {
  TypeProfile profile;
  // Of the maps that show this kind alone; NaN where not found. Sizes as AreaResult::size.
  double area_fraction = 0.0, area_fraction_error = 0.0;
  double size = 0.0, size_error = 0.0;
};

struct ProfileFit {
  std::vector<TypeProfile> types;  // by k; empty where none are found
  // Root mean square of what the fit leaves of the covariance, in units of the variances.
  double residual = 0.0;
};

// A domain lights up all k of its speckle at once, and domains are independent, so the covariance of intensities is
// C(k, k') = sum over kinds of strength g(k) g(k'), g a Gaussian. Fitted by least squares (Levenberg and Marquardt)
// with each element over the root of its two variances, for one, two, ... kinds; one more is taken only where the
// residual becomes less than a third (each) and what is left is under 5 %, where middles lie farther apart than the
// mean of the two widths, and where every kind has a tenth of the variance at its own middle. `covariance` (k, k) of
// relative intensities as KCovariance::matrix gives it, `expected` what they are relative to; k ascending and even.
// Pure.
[[nodiscard]] ProfileFit fit_type_profiles(std::span<const double> k, std::span<const double> covariance,
                                           std::span<const double> expected);

// A kind as the covariance shows it where the middles of its speckles may differ: C(k, k') has the width of a single
// speckle across its diagonal and a larger one along it.
struct WideKind {
  TypeProfile speckle;
  double middle_variance = 0.0;        // of the speckles' middles in k; noise may make it negative
  double middle_variance_error = 0.0;  // its standard error; NaN where there is none
  // Middles differ by more than one kind's do: significantly more than least_spread of a speckle's width.
  [[nodiscard]] bool several() const noexcept;
};
// The middles' standard deviation over a speckle's width, up to which speckles pass for those of one kind. Two kinds
// of equal strength reach it 0.3 widths apart. Spacings that differ by 1 %, and profiles that are no exact Gaussians,
// stay below.
inline constexpr double least_spread = 0.15;
inline constexpr double spread_significance = 3.0;  // standard errors

// Fits K exp(-(k - k')^2 / (4 s^2)) exp(-((k + k') / 2 - k_t)^2 / (s^2 + 2 v)) for every kind, the mean of g(k) g(k')
// over middles with the variance v, from the `types` of fit_type_profiles on; where that has none, for the fewest kinds
// that leave less than 10 %. Two kinds too close to be told apart, d from each other, with shares p and 1 - p of the
// strength, have v = p (1 - p) d^2, so d is at least 2 sqrt(v). `without`: the covariance without one part of the scan
// each, for the errors (jackknife, to first order). By k; empty where no such kinds describe the covariance. Pure.
[[nodiscard]] std::vector<WideKind> fit_wide_kinds(std::span<const double> k, std::span<const double> covariance,
                                                   std::span<const std::vector<double>> without,
                                                   std::span<const double> expected,
                                                   std::span<const TypeProfile> types);

// What shows one kind alone: 1 + sum over the kinds' bins of weights (map / common - 1).
struct TypeUnmixing {
  int bin = 0;                  // the one nearest to the kind's middle, where its own speckles keep their height
  std::vector<double> weights;  // one for each kind's bin, in the order of the kinds
};

// `common` of a pattern is 1 + sum over all k of common (ring's mean - 1), what no speckle shows in.
struct TypesUnmixing {
  std::vector<TypeUnmixing> kinds;
  std::vector<double> common;  // one a k; their sum is 1
};

// The weights cancel all other kinds' profiles at the kinds' own bins. What all angles of a pattern have in common
// (thickness; what bright speckles take from the diffuse halo) is a factor of the halo and does not cancel with them:
// maps are divided by the sum of the ring's means that no kind's profile shows in. It has as little counting noise as
// can be where k far from all kinds are preferred, since profiles are known to some 10 % only, and since the mean at a
// kind's own k is its speckles' in part, which the factor is not for; k within four widths of a kind take part. No
// kinds where two share a bin, or where k are too few. Pure.
[[nodiscard]] TypesUnmixing unmix_types(std::span<const TypeProfile> types, std::span<const double> k,
                                        std::span<const double> expected);

}  // namespace mesoglass::diffraction
