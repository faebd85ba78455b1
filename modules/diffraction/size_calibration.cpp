#include "diffraction/size_calibration.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace mesoglass::diffraction {

namespace {

// The domain's transform F(q) of a radial profile of unit diameter, q in units of 1/diameter: the Hankel transform by
// Simpson's rule. |F|^2 times the probe's is the power spectrum, whose transform is the autocorrelation.
double hankel(const std::vector<double>& values, double step, double q) {
  double sum = 0.0;
  const std::size_t last = values.size() - 1;
  for (std::size_t i = 0; i <= last; ++i) {
    const double r = step * static_cast<double>(i);
    const double weight = i == 0 || i == last ? 1.0 : (i % 2 == 1 ? 4.0 : 2.0);
    sum += weight * values[i] * r * std::cyl_bessel_j(0.0, q * r);
  }
  return sum * step / 3.0;
}

// Of a unit diameter with a probe of `probe` diameters.
double unit_size(DomainProfile profile, double probe) {
  if (profile == DomainProfile::gaussian) return 1.0;
  constexpr std::size_t radial = 400;
  std::vector<double> shape(radial + 1);
  const double shape_step = 0.5 / radial;
  for (std::size_t i = 0; i <= radial; ++i) {
    const double r = shape_step * static_cast<double>(i);
    // The edge itself counts half, as the rule wants for a jump.
    shape[i] = profile == DomainProfile::disc ? 1.0 : std::sqrt(std::fmax(0.0, 1.0 - 4.0 * r * r));
  }
  const double sigma = probe / std::sqrt(8.0 * std::log(2.0));
  constexpr std::size_t waves = 1200;
  constexpr double largest_wave = 120.0;
  const double wave_step = largest_wave / waves;
  std::vector<double> power(waves + 1);
  for (std::size_t i = 0; i <= waves; ++i) {
    const double q = wave_step * static_cast<double>(i);
    const double f = hankel(shape, shape_step, q) * std::exp(-0.5 * q * q * sigma * sigma);
    power[i] = f * f;
  }
  const auto correlation = [&](double lag) { return hankel(power, wave_step, lag); };
  const double half = 0.5 * correlation(0.0);
  double low = 0.0;
  double high = 2.0 + 2.0 * probe;
  for (int round = 0; round < 50; ++round) {
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
