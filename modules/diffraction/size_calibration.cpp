#include "diffraction/size_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mesoglass::diffraction {

namespace {

// Transform of a domain of unit diameter at q (in units of 1/diameter), 1 at q = 0. A sphere's projected thickness
// transforms like the sphere itself (projection-slice theorem).
double transform(DomainProfile profile, double q) {
  const double x = 0.5 * q;
  if (x < 1e-3) return 1.0;
  if (profile == DomainProfile::disc) return 2.0 * ::j1(x) / x;
  return 3.0 * (std::sin(x) - x * std::cos(x)) / (x * x * x);
}

// Of a unit diameter with a probe of `probe` diameters: the autocorrelation is the transform of the power spectrum
// |F(q)|^2 times the probe's.
double unit_size(DomainProfile profile, double probe) {
  if (profile == DomainProfile::gaussian) return 1.0;
  const double sigma = probe / std::sqrt(8.0 * std::log(2.0));
  // The probe ends the spectrum; a bare disc, whose spectrum decays most slowly, leaves 0.1 % beyond the last wave.
  constexpr double last_bare_wave = 1000.0;
  constexpr double last_probe_wave = 4.0;  // standard deviations of the probe's transform
  const double largest_wave = sigma > 0.0 ? std::fmin(last_bare_wave, last_probe_wave / sigma) : last_bare_wave;
  const auto waves = std::max<std::size_t>(400, 2 * static_cast<std::size_t>(2.0 * largest_wave));
  const double step = largest_wave / static_cast<double>(waves);
  std::vector<double> power(waves + 1);
  for (std::size_t i = 0; i <= waves; ++i) {
    const double q = step * static_cast<double>(i);
    const double f = transform(profile, q) * std::exp(-0.5 * q * q * sigma * sigma);
    const double simpson = i == 0 || i == waves ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);
    power[i] = simpson * q * f * f;
  }
  const auto correlation = [&](double lag) {
    double sum = 0.0;
    for (std::size_t i = 0; i <= waves; ++i) sum += power[i] * ::j0(step * static_cast<double>(i) * lag);
    return sum;
  };
  const double half = 0.5 * correlation(0.0);
  double low = 0.0;
  double high = 1.0 + 2.0 * probe;
  constexpr int halvings = 24;
  for (int round = 0; round < halvings; ++round) {
    const double middle = 0.5 * (low + high);
    (correlation(middle) > half ? low : high) = middle;
  }
  const double width = (low + high) / std::sqrt(2.0);  // 2 * half width / sqrt 2
  return std::sqrt(std::fmax(0.0, width * width - probe * probe));
}

}  // namespace

DomainProfile domain_profile_named(const std::string& name) {
  if (name == "sphere") return DomainProfile::sphere;
  if (name == "disc") return DomainProfile::disc;
  if (name == "gaussian") return DomainProfile::gaussian;
  throw std::logic_error("no domain profile " + name);
}

double estimated_size(DomainProfile profile, double diameter, double probe_fwhm) {
  return diameter * unit_size(profile, probe_fwhm / diameter);
}

double calibrated_diameter(DomainProfile profile, double size, double probe_fwhm) {
  if (!(size > 0.0)) return std::numeric_limits<double>::quiet_NaN();
  if (profile == DomainProfile::gaussian) return size;
  // The ratio changes slowly with the probe: a few rounds of successive substitution settle it.
  double diameter = size / unit_size(profile, 0.0);
  constexpr int rounds = 6;
  for (int round = 0; round < rounds; ++round) diameter = size / unit_size(profile, probe_fwhm / diameter);
  return diameter;
}

std::vector<double> calibrated_diameters(DomainProfile profile, const std::vector<double>& sizes, double probe_fwhm) {
  std::vector<double> result(sizes.size(), std::numeric_limits<double>::quiet_NaN());
  double low = std::numeric_limits<double>::infinity();
  double high = 0.0;
  for (const double size : sizes) {
    if (!(size > 0.0)) continue;
    low = std::fmin(low, size);
    high = std::fmax(high, size);
  }
  if (!(high > 0.0)) return result;
  // Diameter over size is smooth in the size: a few nodes, and straight lines between them.
  constexpr std::size_t nodes = 6;
  std::vector<double> node_sizes(nodes);
  std::vector<double> ratios(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    node_sizes[i] = low + (high - low) * static_cast<double>(i) / (nodes - 1);
    ratios[i] = calibrated_diameter(profile, node_sizes[i], probe_fwhm) / node_sizes[i];
    if (profile == DomainProfile::gaussian || probe_fwhm == 0.0) {
      ratios.assign(nodes, ratios[i]);
      break;
    }
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (!(sizes[i] > 0.0)) continue;
    const double place = high > low ? (sizes[i] - low) / (high - low) * (nodes - 1) : 0.0;
    const auto node = std::min(static_cast<std::size_t>(place), nodes - 2);
    const double part = place - static_cast<double>(node);
    result[i] = sizes[i] * (ratios[node] * (1.0 - part) + ratios[node + 1] * part);
  }
  return result;
}

}  // namespace mesoglass::diffraction
