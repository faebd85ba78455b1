// Counter-based random numbers: a stream is a pure function of (seed, purpose, three indices), so that a voxel's or a
// pattern's numbers are the same on any number of ranks, in any order and after any restart.
#pragma once

#include <Random123/philox.h>

#include <cmath>
#include <cstdint>

#include "core/units.hpp"

namespace mesoglass {

// One purpose, one number; values are part of the file formats (they fix what a seed means) and never change.
enum class RandomPurpose : std::uint32_t {
  test = 0,
  phantom_domains = 1,
  phantom_counting = 2,
  phantom_background = 3,
  phantom_detector = 4,
  phantom_dynamics = 5,
  analysis_null_model = 10,
  catalog_domains = 20,
  catalog_types = 21,
  shear_directions = 30,
  shear_barriers = 31,
  shear_jitter = 32,
  shear_dilatation = 33,
  waiting_time = 40,
  event_choice = 41,
  bootstrap = 50,
  permutation = 51,
};

// Philox 4x32-10 (Salmon et al., SC 2011). Copyable; drawing advances it; two streams with different arguments are
// independent. Indices `a` and `b` are 32 bit, `generation` 32 bit: the counter's fourth word numbers the draws (2^32
// blocks of four words).
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, RandomPurpose purpose, std::uint64_t a = 0, std::uint32_t generation = 0) noexcept
      : key_{{static_cast<std::uint32_t>(seed),
              static_cast<std::uint32_t>(seed >> 32) ^ (static_cast<std::uint32_t>(purpose) * 0x9E3779B9U)}},
        counter_{{0U, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32), generation}} {}

  [[nodiscard]] std::uint32_t bits() noexcept {
    if (position_ == 4) {
      block_ = r123::Philox4x32()(counter_, key_);
      ++counter_[0];
      position_ = 0;
    }
    return block_[static_cast<std::size_t>(position_++)];
  }
  // Goes on with the block of four words (two uniform numbers) that has this number, counted from the stream's start.
  void skip_to_block(std::uint32_t block) noexcept {
    counter_[0] = block;
    position_ = 4;
    has_spare_ = false;
  }
  // 53 bits, in the open interval (0, 1): never 0, so its logarithm is finite.
  [[nodiscard]] double uniform() noexcept {
    const std::uint64_t high = bits();
    const std::uint64_t low = bits();
    return (static_cast<double>(((high << 32) | low) >> 11) + 0.5) * 0x1.0p-53;
  }
  [[nodiscard]] double uniform(double low, double high) noexcept { return low + (high - low) * uniform(); }
  // 0 to count - 1, unbiased to 2^-53.
  [[nodiscard]] std::int64_t index(std::int64_t count) noexcept {
    return static_cast<std::int64_t>(uniform() * static_cast<double>(count));
  }
  // Standard normal by Box and Muller, both values used.
  [[nodiscard]] double normal() noexcept {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    const double angle = 2.0 * units::pi * uniform();
    spare_ = radius * std::sin(angle);
    has_spare_ = true;
    return radius * std::cos(angle);
  }
  [[nodiscard]] double normal(double mean, double deviation) noexcept { return mean + deviation * normal(); }
  // Unit mean.
  [[nodiscard]] double exponential() noexcept { return -std::log(uniform()); }
  // Poisson number of the given mean >= 0: by multiplication below 30, by transformed rejection above
  // (Hoermann, Insurance: Mathematics and Economics 12 (1993) 39, algorithm PTRS).
  [[nodiscard]] std::int64_t poisson(double mean) noexcept;

 private:
  r123::Philox4x32::key_type key_;
  r123::Philox4x32::ctr_type counter_;
  r123::Philox4x32::ctr_type block_{};
  int position_ = 4;
  bool has_spare_ = false;
  double spare_ = 0.0;
};

inline std::int64_t RandomStream::poisson(double mean) noexcept {
  if (!(mean > 0.0)) return 0;
  if (mean < 30.0) {
    const double limit = std::exp(-mean);
    std::int64_t count = 0;
    for (double product = uniform(); product > limit; product *= uniform()) ++count;
    return count;
  }
  const double log_mean = std::log(mean);
  const double b = 0.931 + 2.53 * std::sqrt(mean);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double v_r = 0.9277 - 3.6224 / (b - 2.0);
  for (;;) {
    const double u = uniform() - 0.5;
    const double v = uniform();
    const double us = 0.5 - std::fabs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= v_r) return static_cast<std::int64_t>(k);
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <=
        -mean + k * log_mean - std::lgamma(k + 1.0)) {
      return static_cast<std::int64_t>(k);
    }
  }
}

}  // namespace mesoglass
