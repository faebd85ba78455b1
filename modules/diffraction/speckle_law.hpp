// How the values of dark-field maps are distributed as sums of speckles, and from that the speckles' density, height
// and spread of heights.
#pragma once

#include <span>
#include <vector>

#include "core/fft.hpp"
#include "diffraction/area_fraction.hpp"

namespace mesoglass::diffraction {

// Speckles at Poisson places in four directions: two of the map, two angles from the Bragg condition. In each their
// brightness falls like a Gaussian: height * exp(-r^2 / 2), lengths in the speckle's own standard deviations. The
// logarithm of the height is normal, since domains of different diameter have speckles of different height.
struct SpeckleLaw {
  double density = 0.0;  // speckles in a volume of one standard deviation each way
  double height = 0.0;   // median height of ideal speckles, in units of the values
  double spread = 0.0;   // standard deviation of the height's logarithm, above 0
};

// Part of the maps where one speckle has at least half of its own ideal height: 1 - exp(-density V),
// V = (2 ln 2)^2 pi^2 / 2 the volume in which it has. Pure.
[[nodiscard]] double covered_part(double density);

// Up to here area fractions of random phantoms kept 10 % (docs/analysis.md); beyond it many weak speckles and fewer
// strong ones of different height look alike in a scan of 50 nm.
inline constexpr double largest_sure_part = 0.25;

// Mean of the values above where no speckle shows: 4 pi^2 density <height>. Pure.
[[nodiscard]] double mean_above_background(const SpeckleLaw& law);

// Works out probabilities of values that follow a law plus counting noise, by the characteristic function of the
// compound Poisson law. Values are counted from their mean, in bins [first + i step, first + (i + 1) step).
class SpeckleProbabilities {
 public:
  SpeckleProbabilities(double first, double step, int bins);
  // (quantity, bin): the probability and its derivatives by ln density, ln height and the square of the spread. `noise`
  // is the noise's standard deviation, at least a bin or so, since a finite number of frequencies shows no sharper
  // edge. Valid until the next call.
  static constexpr int quantities = 4;
  [[nodiscard]] std::span<const double> of(const SpeckleLaw& law, double noise, double noise_skewness);

 private:
  double first_;
  double step_;
  int bins_;
  ComplexBuffer spectrum_;
  RealBuffer values_;
  FftPlan plan_;
};

struct SpeckleLawFit {
  // False where no law inside the limits is likeliest: contributions so many and weak that single speckles cannot be
  // told apart, or noise as large as speckles.
  bool found = false;
  SpeckleLaw law;
  std::vector<double> densities_without;  // with one group left out each, to first order
};

// The law under which the values of all groups together are likeliest, by Fisher scoring. Values not clearly above
// the background (0.3 of `start_height` above where no speckle shows or 0.15 above the median, what is lower; at least
// twice the noise) count by their number only: the background may hold more than speckles. The spread is at most 0.3,
// which diameters spreading by some 11 % make: more means types that overlap, whose weakest speckles would all be
// counted. `start_height` as choose_area_threshold finds it. Throws std::logic_error where nothing was counted. Pure.
[[nodiscard]] SpeckleLawFit fit_speckle_law(std::span<const IntensityHistogram> groups, const MapMoments& moments,
                                            const NoiseModel& noise, double start_height);

// Standard deviation of speckles along their ring, in rad, from mean angular powers c_n, n = 0, 1, ...: from the half
// width of the angular correlation, the sum over even n of c_n cos(n delta), of Gaussian speckles in Friedel pairs. NaN
// where there is no such width. Pure.
[[nodiscard]] double speckle_angle(std::span<const double> powers);

// Bilinear interpolation between pixels widens speckles by a triangle of variance 1/6 pixel^2. What is left of an area
// fraction without that, for speckles of the measured standard deviation `angle` on a ring of `radius` pixels: a factor
// for densities, 1 where the angle is NaN. Pure.
[[nodiscard]] double without_interpolation(double angle, double radius);

}  // namespace mesoglass::diffraction
