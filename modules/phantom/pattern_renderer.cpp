#include "phantom/pattern_renderer.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mesoglass::phantom {

namespace {

// A spot is drawn to 4 standard deviations, where it has fallen to 3e-4 of its middle.
constexpr double spot_reach_sigmas = 4.0;
constexpr int diffuse_steps = 1 << 14;

// exp(-(i - centre)^2 / (2 sigma^2)) for i = first .. first + values.size() - 1, by the ratio of neighbours, outward
// from the middle so that rounding stays relative to the value.
void fill_gaussian(double centre, double sigma, std::int64_t first, std::span<float> values) {
  const auto count = static_cast<std::int64_t>(values.size());
  const double inverse = 1.0 / (2.0 * sigma * sigma);
  const std::int64_t middle = std::clamp<std::int64_t>(std::llround(centre) - first, 0, count - 1);
  const double offset = static_cast<double>(first + middle) - centre;
  const double top = std::exp(-offset * offset * inverse);
  const double curvature = std::exp(-2.0 * inverse);
  values[static_cast<std::size_t>(middle)] = static_cast<float>(top);
  double value = top;
  double ratio = std::exp(-(2.0 * offset + 1.0) * inverse);
  for (std::int64_t i = middle + 1; i < count; ++i) {
    value *= ratio;
    ratio *= curvature;
    values[static_cast<std::size_t>(i)] = static_cast<float>(value);
  }
  value = top;
  ratio = std::exp((2.0 * offset - 1.0) * inverse);
  for (std::int64_t i = middle - 1; i >= 0; --i) {
    value *= ratio;
    ratio *= curvature;
    values[static_cast<std::size_t>(i)] = static_cast<float>(value);
  }
}

}  // namespace

DetectorDistortion DetectorDistortion::of(const Detector& detector) {
  const double cosine = std::cos(detector.ellipse_angle_rad);
  const double sine = std::sin(detector.ellipse_angle_rad);
  const double along = std::sqrt(detector.ellipse_axis_ratio);
  const double across = 1.0 / along;
  const auto rotated = [&](double p, double q) {  // R diag(p, q) R^T as xx, xy, yy
    return std::array<double, 3>{p * cosine * cosine + q * sine * sine, (p - q) * cosine * sine,
                                 p * sine * sine + q * cosine * cosine};
  };
  const auto m = rotated(along, across);
  const auto inverse_square = rotated(across * across, along * along);
  return {m[0], m[1], m[2], inverse_square[0], inverse_square[1], inverse_square[2]};
}

double diffuse_profile(const Scattering& scattering, double k_inverse_nm) {
  const double k = k_inverse_nm;
  const double halo_offset = (k - scattering.halo_k_inverse_nm) / scattering.halo_width_inverse_nm;
  // Both parts are normalised over the plane (2 pi k dk), the halo to the accuracy of a narrow ring.
  const double halo =
      std::exp(-0.5 * halo_offset * halo_offset) /
      (2.0 * units::pi * scattering.halo_k_inverse_nm * scattering.halo_width_inverse_nm * std::sqrt(2.0 * units::pi));
  // Atomic scattering falls like a Lorentzian squared of about this width; interference empties the centre.
  constexpr double decay_k = 5.0;
  constexpr double empty_k = 1.5;
  const double decay = 1.0 / std::pow(1.0 + k * k / (decay_k * decay_k), 2) / (units::pi * decay_k * decay_k);
  const double rise = 1.0 - std::exp(-std::pow(k / empty_k, 4));
  return rise * ((1.0 - scattering.background_fraction) * halo + scattering.background_fraction * decay);
}

PatternRenderer::PatternRenderer(const PhantomModel& model, const DomainIndex& domains)
    : model_(model), domains_(domains), distortion_(DetectorDistortion::of(model.detector)) {
  const auto& d = model.detector;
  // The farthest pixel from any centre on the detector, with room for the ellipse.
  const double diagonal = std::hypot(static_cast<double>(d.nx), static_cast<double>(d.ny)) * d.k_per_pixel_inverse_nm;
  const double k2_range = diagonal * diagonal * d.ellipse_axis_ratio;
  diffuse_steps_per_k2_ = diffuse_steps / k2_range;
  std::vector<double> profile(diffuse_steps + 2);
  for (std::size_t i = 0; i < profile.size(); ++i) {
    profile[i] = diffuse_profile(model.scattering, std::sqrt(static_cast<double>(i) / diffuse_steps_per_k2_));
  }
  diffuse_.assign(profile.begin(), profile.end());
  // One electron over all pixels at the centre's middle position.
  std::vector<float> pattern(static_cast<std::size_t>(d.nx * d.ny), 0.0F);
  add_diffuse(d.centre_x_px, d.centre_y_px, 1.0, pattern);
  double total = 0.0;
  for (const float value : pattern) total += value;
  for (std::size_t i = 0; i < profile.size(); ++i) diffuse_[i] = static_cast<float>(profile[i] / total);
}

void PatternRenderer::add_diffuse(double centre_x, double centre_y, double electrons, std::span<float> pattern) const {
  const auto nx = model_.detector.nx;
  const auto ny = model_.detector.ny;
  const double scale =
      model_.detector.k_per_pixel_inverse_nm * model_.detector.k_per_pixel_inverse_nm * diffuse_steps_per_k2_;
  const auto amount = static_cast<float>(electrons);
  for (std::int64_t y = 0; y < ny; ++y) {
    const double dy = static_cast<double>(y) - centre_y;
    float* row = pattern.data() + y * nx;
    for (std::int64_t x = 0; x < nx; ++x) {
      const double dx = static_cast<double>(x) - centre_x;
      const double place = scale * (distortion_.a * dx * dx + 2.0 * distortion_.b * dx * dy + distortion_.c * dy * dy);
      const auto step = std::min(static_cast<std::int32_t>(place), diffuse_steps);
      const auto part = static_cast<float>(place - step);
      row[x] += amount * (diffuse_[static_cast<std::size_t>(step)] * (1.0F - part) +
                          diffuse_[static_cast<std::size_t>(step) + 1] * part);
    }
  }
}

void PatternRenderer::add_disc(double centre_x, double centre_y, double electrons, std::span<float> pattern) const {
  const auto& d = model_.detector;
  const double radius_px = model_.beam.disc_radius_inverse_nm / d.k_per_pixel_inverse_nm;
  const double reach = radius_px * std::sqrt(d.ellipse_axis_ratio) + 1.0;
  const auto clipped = [](double position, std::int64_t count) {
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(position)), 0, count - 1);
  };
  const std::int64_t x0 = clipped(centre_x - reach, d.nx);
  const std::int64_t x1 = clipped(centre_x + reach + 1.0, d.nx);
  const std::int64_t y0 = clipped(centre_y - reach, d.ny);
  const std::int64_t y1 = clipped(centre_y + reach + 1.0, d.ny);
  // Covered part of a pixel: a straight edge one pixel wide.
  const auto cover = [&](std::int64_t x, std::int64_t y) {
    const double dx = static_cast<double>(x) - centre_x;
    const double dy = static_cast<double>(y) - centre_y;
    const double r = std::sqrt(distortion_.a * dx * dx + 2.0 * distortion_.b * dx * dy + distortion_.c * dy * dy);
    return std::clamp(radius_px - r + 0.5, 0.0, 1.0);
  };
  double total = 0.0;
  for (std::int64_t y = y0; y <= y1; ++y) {
    for (std::int64_t x = x0; x <= x1; ++x) total += cover(x, y);
  }
  if (total <= 0.0) {  // a disc smaller than a pixel
    pattern[static_cast<std::size_t>(clipped(centre_y + 0.5, d.ny) * d.nx + clipped(centre_x + 0.5, d.nx))] +=
        static_cast<float>(electrons);
    return;
  }
  for (std::int64_t y = y0; y <= y1; ++y) {
    for (std::int64_t x = x0; x <= x1; ++x) {
      pattern[static_cast<std::size_t>(y * d.nx + x)] += static_cast<float>(electrons / total * cover(x, y));
    }
  }
}

void PatternRenderer::add_spot(double x, double y, double sigma_px, double electrons, std::span<float> pattern) const {
  const auto& d = model_.detector;
  const double reach = spot_reach_sigmas * sigma_px;
  const auto x0 = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(x - reach)));
  const auto x1 = std::min<std::int64_t>(d.nx - 1, static_cast<std::int64_t>(std::floor(x + reach)));
  const auto y0 = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(y - reach)));
  const auto y1 = std::min<std::int64_t>(d.ny - 1, static_cast<std::int64_t>(std::floor(y + reach)));
  if (x0 > x1 || y0 > y1) return;
  thread_local std::vector<float> along_x;
  thread_local std::vector<float> along_y;
  along_x.resize(static_cast<std::size_t>(x1 - x0 + 1));
  along_y.resize(static_cast<std::size_t>(y1 - y0 + 1));
  fill_gaussian(x, sigma_px, x0, along_x);
  fill_gaussian(y, sigma_px, y0, along_y);
  const double peak = electrons / (2.0 * units::pi * sigma_px * sigma_px);
  for (std::int64_t row = y0; row <= y1; ++row) {
    const auto height = static_cast<float>(peak * along_y[static_cast<std::size_t>(row - y0)]);
    float* target = pattern.data() + row * d.nx + x0;
    const float* source = along_x.data();
    for (std::int64_t i = 0; i <= x1 - x0; ++i) target[i] += height * source[i];
  }
}

RenderedPattern PatternRenderer::render(std::int64_t scan_y, std::int64_t scan_x, std::span<float> electrons,
                                        std::span<const float> brightness) const {
  const double x_nm = static_cast<double>(scan_x) * model_.scan_step_nm;
  const double y_nm = static_cast<double>(scan_y) * model_.scan_step_nm;
  const auto centre = model_.centre_px(scan_y, scan_x);
  const double centre_x = centre.first;
  const double centre_y = centre.second;
  const double transmittance = model_.transmittance(x_nm, y_nm);
  const double dose = model_.beam.dose_electrons;
  const double per_pixel = 1.0 / model_.detector.k_per_pixel_inverse_nm;

  std::fill(electrons.begin(), electrons.end(), 0.0F);
  RenderedPattern result;
  const auto& speckles = domains_.speckles();
  domains_.for_each_near(x_nm, y_nm, [&](const DomainIndex::Entry& entry) {
    const double dx = entry.x_nm - x_nm;
    const double dy = entry.y_nm - y_nm;
    const double part =
        dose * transmittance * entry.full_part * std::exp(-(dx * dx + dy * dy) * entry.inverse_two_sigma2);
    for (std::uint32_t i = 0; i < entry.speckle_count; ++i) {
      const std::size_t number = entry.first_speckle + i;
      const auto& speckle = speckles[number];
      const double kx = speckle.kx_inverse_nm * per_pixel;
      const double ky = speckle.ky_inverse_nm * per_pixel;
      const double shown = brightness.empty() ? 1.0 : static_cast<double>(brightness[number]);
      const double amount = part * speckle.excitation * shown;
      result.speckle_electrons += amount;
      add_spot(centre_x + distortion_.xx * kx + distortion_.xy * ky,
               centre_y + distortion_.xy * kx + distortion_.yy * ky, speckle.sigma_inverse_nm * per_pixel, amount,
               electrons);
    }
  });
  const double diffuse = dose * (1.0 - transmittance) - result.speckle_electrons;
  result.diffuse_exhausted = diffuse < 0.0;
  if (diffuse > 0.0) add_diffuse(centre_x, centre_y, diffuse, electrons);
  add_disc(centre_x, centre_y, dose * transmittance, electrons);
  return result;
}

}  // namespace mesoglass::phantom
