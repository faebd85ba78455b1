#include "phantom/speckle_dynamics.hpp"

#include <algorithm>
#include <cmath>
#include <complex>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/normal_numbers.hpp"

namespace mesoglass::phantom {

namespace {

// The eigenvalues of the circulant matrix that continues the correlation of `frames` values periodically: none may be
// negative. They are not where the correlation is convex (beta <= 1); else the period is doubled until it has faded.
std::vector<double> circulant_eigenvalues(std::int64_t frames, double step, double beta) {
  constexpr std::size_t longest = std::size_t{1} << 20;
  constexpr double negligible = 1e-9;  // of the largest: rounding
  std::size_t length = 2;
  while (length < 2 * static_cast<std::size_t>(frames)) length *= 2;
  for (; length <= longest; length *= 2) {
    ComplexBuffer values(length);
    for (std::size_t i = 0; i < length; ++i) {
      const auto lag = static_cast<double>(std::min(i, length - i));
      values[i] = std::exp(-std::pow(lag * step, beta));
    }
    FftPlan::complex_array({static_cast<int>(length)}, values.data(), FftDirection::forward).execute();
    std::vector<double> eigenvalues(length);
    std::transform(values.begin(), values.end(), eigenvalues.begin(), [](const auto& value) { return value.real(); });
    const auto [lowest, highest] = std::minmax_element(eigenvalues.begin(), eigenvalues.end());
    if (*lowest < -negligible * *highest) continue;
    for (double& value : eigenvalues) value = std::max(value, 0.0);
    return eigenvalues;
  }
  throw input_error(
      "a time series of {} frames with a relaxation time of {:.4g} frames and a stretching exponent of {} cannot be "
      "drawn exactly: shorten the relaxation time, or take an exponent of at most 1",
      frames, 1.0 / step, beta);
}

}  // namespace

std::vector<float> fluctuating_brightness(std::uint64_t seed, std::uint64_t number, std::int64_t frames,
                                          double interval_s, double tau_s, double beta) {
  const auto eigenvalues = circulant_eigenvalues(frames, interval_s / tau_s, beta);
  const std::size_t length = eigenvalues.size();
  RandomStream stream(seed, RandomPurpose::phantom_dynamics, number);
  std::vector<double> normals(2 * length);
  fill_with_normals(stream, normals);
  ComplexBuffer field(length);
  const double scale = 0.5 / static_cast<double>(length);  // real and imaginary part have half of the variance each
  for (std::size_t i = 0; i < length; ++i) {
    field[i] = std::sqrt(scale * eigenvalues[i]) * std::complex<double>(normals[2 * i], normals[2 * i + 1]);
  }
  FftPlan::complex_array({static_cast<int>(length)}, field.data(), FftDirection::forward).execute();
  std::vector<float> brightness(static_cast<std::size_t>(frames));
  for (std::size_t i = 0; i < brightness.size(); ++i) brightness[i] = static_cast<float>(std::norm(field[i]));
  return brightness;
}

SpeckleDynamics::SpeckleDynamics(const PhantomModel& model, const DomainIndex& domains) {
  const Dynamics& dynamics = model.dynamics;
  if (dynamics.frames <= 1) return;
  speckles_ = domains.speckles().size();
  brightness_.resize(static_cast<std::size_t>(dynamics.frames) * speckles_);
  for (const auto& entry : domains.entries()) {
    const double tau_s = model.relaxation_time_s(entry.x_nm);
    for (std::uint32_t i = 0; i < entry.speckle_count; ++i) {
      // Speckles are numbered in the order in which their domains were drawn.
      const std::size_t speckle = entry.first_speckle + i;
      const auto series = fluctuating_brightness(model.seed, speckle, dynamics.frames, dynamics.frame_interval_s, tau_s,
                                                 dynamics.stretching);
      for (std::size_t frame = 0; frame < series.size(); ++frame) {
        brightness_[frame * speckles_ + speckle] = series[frame];
      }
    }
  }
}

double SpeckleDynamics::bytes(const PhantomModel& model, double speckles) noexcept {
  if (model.dynamics.frames <= 1) return 0.0;
  return speckles * static_cast<double>(model.dynamics.frames) * sizeof(float);
}

}  // namespace mesoglass::phantom
