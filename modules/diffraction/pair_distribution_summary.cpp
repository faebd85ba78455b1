#include "diffraction/pair_distribution_summary.hpp"

#include <cmath>

namespace mesoglass::diffraction {

namespace {

constexpr double enough_k = 20.0;  // nm^-1

}  // namespace

std::string resolution_warning(const PairDistributionMeter& meter) {
  const double k_max = meter.k().back();
  if (k_max >= enough_k * (1.0 - 1e-9)) return {};
  return fmt::format(
      "k_max = {:.3g} nm^-1 limits G(r): distances closer than 1/(2 k_max) = {:.3f} nm are not told apart, a sharp "
      "distance is {:.3f} nm wide (full width at half maximum), and the scale of G is uncertain; a useful pair "
      "distribution wants k_max >= {:.0f} nm^-1",
      k_max, meter.resolution_nm(), meter.peak_width_nm(), enough_k);
}

void tell_pair_distribution(Run& run, const PairDistributionMeter& meter) {
  run.plan(
      "pair distribution of {}: N <f^2> fitted from {:.4g} to {:.4g} nm^-1, polynomial of degree {} taken off, G(r) at "
      "{} distances to {:.4g} nm, a sharp distance {:.3f} nm wide",
      meter.settings().composition.text, meter.fit_low(), meter.fit_high(), meter.background_degree(),
      meter.r_nm().size(), meter.r_nm().back(), meter.peak_width_nm());
  const std::string warning = resolution_warning(meter);
  if (!warning.empty()) run.log().warning("{}", warning);
}

void warn_of_trouble(Run& run, const AreaResult& area) {
  const std::string& trouble = area.pair_distribution.trouble;
  if (!trouble.empty()) run.log().warning("{}: no structure factor and no G(r): {}", area.name, trouble);
}

void summarise_pair_distribution(Run& run, const SampleResult& sample, const PairDistributionMeter& meter) {
  const auto number = [&](const char* name, double value, const char* unit, const char* text) {
    if (std::isfinite(value)) run.summary().set(name, value, unit, text);
  };
  const Curve& peak = sample.pair_distribution.peak;
  number("pair_distribution_peak", peak.value.front(), "nm", "distance at which G(r) is highest");
  number("pair_distribution_peak_error", peak.error.front(), "nm", "its standard error");
  number("pair_distribution_k_max", meter.k().back(), "nm^-1", "last k that G(r) rests on");
  number("pair_distribution_resolution", meter.resolution_nm(), "nm",
         "1/(2 k_max): closer distances are not told apart");
}

}  // namespace mesoglass::diffraction
