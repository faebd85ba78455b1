// How the speckles of a time series come and go: fluctuating brightness with a known correlation.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "phantom/domains.hpp"
#include "phantom/phantom_model.hpp"

namespace mesoglass::phantom {

// `frames` values, `interval_s` apart, of |z|^2, z a stationary complex Gaussian process of unit variance whose field
// correlation is exp(-(t / tau)^beta): mean 1, variance 1, <|z(0)|^2 |z(t)|^2> = 1 + exp(-2 (t / tau)^beta) exactly
// (Siegert relation). Drawn by circulant embedding, which is exact (Dietrich and Newsam, SIAM J. Sci. Comput. 18 (1997)
// 1088). A pure function of (seed, number). Throws input_error where no embedding of a bearable length exists (beta
// above 1 and tau far longer than the series). Not collective.
[[nodiscard]] std::vector<float> fluctuating_brightness(std::uint64_t seed, std::uint64_t number, std::int64_t frames,
                                                        double interval_s, double tau_s, double beta);

// The brightness of every speckle in every frame, relative to its mean; the relaxation time is that of its domain's
// place. The same on every rank. Not collective.
class SpeckleDynamics {
 public:
  SpeckleDynamics(const PhantomModel& model, const DomainIndex& domains);
  // One value a speckle of the index; empty for a single scan, whose speckles all have their mean brightness.
  [[nodiscard]] std::span<const float> at(std::int64_t frame) const noexcept {
    return std::span<const float>(brightness_).subspan(static_cast<std::size_t>(frame) * speckles_, speckles_);
  }
  [[nodiscard]] static double bytes(const PhantomModel& model, double speckles) noexcept;

 private:
  std::size_t speckles_ = 0;
  std::vector<float> brightness_;  // (frame, speckle)
};

}  // namespace mesoglass::phantom
