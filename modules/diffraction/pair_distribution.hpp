// Structure factor, reduced structure function and reduced pair distribution function G(r) from a radial intensity.
//
// With s = k = 2 sin(theta) / lambda: S(k) = 1 + [I(k) / N - <f^2>] / <f>^2 and phi(k) = k (S(k) - 1) (Cockayne and
// McKenzie, Acta Cryst. A44 (1988) 870; Mitchell and Petersen, Microsc. Res. Tech. 75 (2012) 153), f the atoms'
// electron scattering factors, N a scale. G(r) = 8 pi integral phi(k) W(k) sin(2 pi k r) dk = 4 pi r (rho(r) - rho_0),
// which is (2/pi) integral Q (S - 1) sin(Q r) dQ with Q = 2 pi k (Keen, J. Appl. Cryst. 34 (2001) 172); rho counts
// every pair of atoms i, j with the weight f_i f_j / <f>^2.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffraction/composition.hpp"
#include "diffraction/pattern_statistics.hpp"

namespace mesoglass::diffraction {

// How phi(k) is brought to zero at k_max.
enum class PairWindow {
  none,
  lorch,  // sin(pi k / k_max) / (pi k / k_max) (Lorch, J. Phys. C 2 (1969) 229)
};

struct PairDistributionSettings {
  Composition composition;
  // Where I = N <f^2> (+ constant) is fitted, nm^-1; default: from two thirds of the last k to the last.
  std::optional<double> fit_low, fit_high;
  bool constant_background = false;
  // What a smooth background would do to G(r) below this distance is taken off; 0 = nothing.
  double background_distance_nm = 0.09;
  PairWindow window = PairWindow::lorch;
  double damping_nm2 = 0.0;        // phi is also multiplied by exp(-damping k^2)
  std::optional<double> r_max_nm;  // default: 2 nm, or what the step in k allows
  double r_step_nm = 0.005;
};

// All of one radial intensity; empty where none was asked for, NaN where it could not be worked out.
struct PairDistribution {
  std::vector<double> structure_factor, structure_factor_error;  // a bin of k
  std::vector<double> reduced, reduced_error;                    // phi, nm^-1, a bin of k; without the window
  std::vector<double> distribution, distribution_error;          // G, nm^-2, a distance
  std::vector<double> peak_nm, peak_error_nm;                    // one value each: where G is highest
  double scale = 0.0;                                            // N, electrons a pixel / nm^2
  double constant = 0.0;                                         // electrons a pixel
  std::string trouble;                                           // why there is nothing, or empty
};

// Everything that is the same for all radial intensities on the same k. Not collective; holds no state that changes.
class PairDistributionMeter {
 public:
  // `k`: evenly spaced and ascending, nm^-1. Throws input_error where the settings do not go with it.
  PairDistributionMeter(std::vector<double> k, const PairDistributionSettings& settings);

  // Standard errors leave out one block of the scan at a time (jackknife), so they hold what is common to several k,
  // such as a thickness that changes; NaN where there are fewer than two blocks.
  [[nodiscard]] PairDistribution measure(const PatternAverages& averages) const;

  [[nodiscard]] const PairDistributionSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::vector<double>& k() const noexcept { return k_; }
  [[nodiscard]] const std::vector<double>& r_nm() const noexcept { return r_; }
  [[nodiscard]] double fit_low() const noexcept { return fit_low_; }
  [[nodiscard]] double fit_high() const noexcept { return fit_high_; }
  // Of the polynomial that is taken off phi; 0 = none.
  [[nodiscard]] int background_degree() const noexcept { return degree_; }
  // Full width at half maximum that a sharp distance has in G(r).
  [[nodiscard]] double peak_width_nm() const;
  // Distances that are closer are not told apart: 1 / (2 k_max).
  [[nodiscard]] double resolution_nm() const noexcept { return 0.5 / k_.back(); }

 private:
  struct Estimate {
    std::vector<double> reduced, distribution;
    double scale = 0.0, constant = 0.0;
  };
  [[nodiscard]] Estimate estimate(std::span<const double> intensity) const;
  [[nodiscard]] double window_at(double k) const;
  void plan_fit();
  void plan_polynomial();
  void plan_transform();

  PairDistributionSettings settings_;
  std::vector<double> k_, r_;
  double fit_low_ = 0.0, fit_high_ = 0.0;
  int degree_ = 0;
  std::vector<double> square_of_mean_, mean_of_square_;  // a bin
  // Matrices, row by row.
  std::vector<double> scale_fit_;   // (1 or 2, bins): N and the constant from an intensity
  std::vector<double> polynomial_;  // (bins, bins): what is taken off phi, from phi
  std::vector<double> transform_;   // (distances, bins): G from phi
};

}  // namespace mesoglass::diffraction
