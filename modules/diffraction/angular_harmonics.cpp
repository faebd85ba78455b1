#include "diffraction/angular_harmonics.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr int most_angles = 1024;

int padded(int count) {
  return (count + lane_group - 1) / lane_group * lane_group;
}

}  // namespace

HarmonicPowers::HarmonicPowers(int angles) {
  if (angles < 4 || angles % 2 != 0 || angles > most_angles) throw std::logic_error("angles must be even, 4 to 1024");
  tables_.angles = angles;
  tables_.folded = angles / 4 + 1;
  tables_.even_width = padded(angles / 4 + 1);
  tables_.odd_width = padded((angles / 2 + 1) / 2);
  const auto fill = [&](int width, int first_n, bool cosine) {
    std::vector<float> matrix(static_cast<std::size_t>(tables_.folded) * static_cast<std::size_t>(width), 0.0F);
    for (int j = 0; j < tables_.folded; ++j) {
      for (int m = 0; first_n + 2 * m <= angles / 2; ++m) {
        const double phase = 2.0 * units::pi * ((static_cast<long>(first_n + 2 * m) * j) % angles) / angles;
        matrix[static_cast<std::size_t>(j * width + m)] =
            static_cast<float>(cosine ? std::cos(phase) : std::sin(phase));
      }
    }
    return matrix;
  };
  even_cosine_ = fill(tables_.even_width, 0, true);
  even_sine_ = fill(tables_.even_width, 0, false);
  odd_cosine_ = fill(tables_.odd_width, 1, true);
  odd_sine_ = fill(tables_.odd_width, 1, false);
  tables_.even_cosine = even_cosine_.data();
  tables_.even_sine = even_sine_.data();
  tables_.odd_cosine = odd_cosine_.data();
  tables_.odd_sine = odd_sine_.data();
}

int HarmonicPowers::padded_orders() const noexcept {
  return padded(orders());
}

MaskedHarmonics::MaskedHarmonics(const std::vector<bool>& valid) : orders_(static_cast<int>(valid.size()) / 2 + 1) {
  const auto angles = static_cast<int>(valid.size());
  std::vector<double> pairs(static_cast<std::size_t>(orders_), 0.0);
  for (int step = 0; step < orders_; ++step) {
    for (int j = 0; j < angles; ++j) {
      if (valid[static_cast<std::size_t>(j)] && valid[static_cast<std::size_t>((j + step) % angles)]) {
        pairs[static_cast<std::size_t>(step)] += 1.0;
      }
    }
    if (pairs[static_cast<std::size_t>(step)] < angles / 8.0) usable_ = false;
  }
  width_ = padded(orders_);
  matrix_.assign(static_cast<std::size_t>(orders_) * static_cast<std::size_t>(width_), 0.0F);
  if (!usable_) return;
  // P -> correlation (inverse transform of an even spectrum) -> divide by the pairs -> cosine transform.
  std::vector<double> cosine(static_cast<std::size_t>(angles));
  for (int j = 0; j < angles; ++j) cosine[static_cast<std::size_t>(j)] = std::cos(2.0 * units::pi * j / angles);
  const auto multiplicity = [&](int index) { return index == 0 || 2 * index == angles ? 1.0 : 2.0; };
  // sum_d cos(n d) cos(m d) / pairs(d) from half the sum and half the difference of n and m.
  std::vector<double> transform(static_cast<std::size_t>(angles) + 1, 0.0);
  for (int q = 0; q <= angles; ++q) {
    for (int step = 0; step < orders_; ++step) {
      transform[static_cast<std::size_t>(q)] += multiplicity(step) *
                                                cosine[static_cast<std::size_t>((q * step) % angles)] /
                                                pairs[static_cast<std::size_t>(step)];
    }
  }
  for (int n = 0; n < orders_; ++n) {
    for (int m = 0; m < orders_; ++m) {
      const double sum =
          0.5 * (transform[static_cast<std::size_t>(n + m)] + transform[static_cast<std::size_t>(std::abs(n - m))]);
      // correlation sums are ifft(P) = (1/N) sum P cos; c_n = (1/N) sum_d C(d) cos; the factor N^2 is the caller's.
      matrix_[static_cast<std::size_t>(m * width_ + n)] = static_cast<float>(multiplicity(m) * sum);
    }
  }
}

void MaskedHarmonics::apply(const LaneKernels& kernels, const float* powers, float* result) const {
  kernels.multiply(powers, orders_, matrix_.data(), width_, result);
}

std::vector<double> MaskedHarmonics::apply(std::span<const double> powers) const {
  std::vector<double> result(static_cast<std::size_t>(orders_), 0.0);
  for (std::size_t m = 0; m < result.size(); ++m) {
    const float* line = matrix_.data() + m * static_cast<std::size_t>(width_);
    for (std::size_t n = 0; n < result.size(); ++n) result[n] += static_cast<double>(line[n]) * powers[m];
  }
  return result;
}

}  // namespace mesoglass::diffraction
