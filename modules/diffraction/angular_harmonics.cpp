#include "diffraction/angular_harmonics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "core/units.hpp"
#include "diffraction/kernel_dispatch.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr int lanes = 16;  // one AVX-512 register, two AVX2, four SSE
constexpr int most_angles = 1024;

int padded(int count) {
  return (count + lanes - 1) / lanes * lanes;
}

// sums[n] = sum_j values[j] * matrix[j][n] for a line of `width` n (a multiple of lanes).
MESOGLASS_KERNEL void multiply(const float* values, int count, const float* matrix, int width, float* sums) {
  for (int first = 0; first < width; first += 2 * lanes) {
    const int block = width - first < 2 * lanes ? width - first : 2 * lanes;
    if (block == 2 * lanes) {
      float total[2 * lanes] = {};
      for (int j = 0; j < count; ++j) {
        const float value = values[j];
        const float* line = matrix + static_cast<std::ptrdiff_t>(j) * width + first;
        for (int n = 0; n < 2 * lanes; ++n) total[n] += value * line[n];
      }
      for (int n = 0; n < 2 * lanes; ++n) sums[first + n] = total[n];
    } else {
      float total[lanes] = {};
      for (int j = 0; j < count; ++j) {
        const float value = values[j];
        const float* line = matrix + static_cast<std::ptrdiff_t>(j) * width + first;
        for (int n = 0; n < lanes; ++n) total[n] += value * line[n];
      }
      for (int n = 0; n < lanes; ++n) sums[first + n] = total[n];
    }
  }
}

}  // namespace

HarmonicPowers::HarmonicPowers(int angles)
    : angles_(angles),
      folded_(angles / 4 + 1),
      even_padded_(padded(angles / 4 + 1)),
      odd_padded_(padded((angles / 2 + 1) / 2)) {
  if (angles < 4 || angles % 2 != 0 || angles > most_angles) throw std::logic_error("angles must be even, 4 to 1024");
  const auto fill = [&](int width, int first_n, bool cosine) {
    std::vector<float> matrix(static_cast<std::size_t>(folded_) * static_cast<std::size_t>(width), 0.0F);
    for (int j = 0; j < folded_; ++j) {
      for (int m = 0; first_n + 2 * m <= angles / 2; ++m) {
        const double phase = 2.0 * units::pi * ((static_cast<long>(first_n + 2 * m) * j) % angles) / angles;
        matrix[static_cast<std::size_t>(j * width + m)] =
            static_cast<float>(cosine ? std::cos(phase) : std::sin(phase));
      }
    }
    return matrix;
  };
  even_cosine_ = fill(even_padded_, 0, true);
  even_sine_ = fill(even_padded_, 0, false);
  odd_cosine_ = fill(odd_padded_, 1, true);
  odd_sine_ = fill(odd_padded_, 1, false);
}

void HarmonicPowers::compute(std::span<const float> lines, int count, std::span<float> powers) const {
  const int half = angles_ / 2;
  std::array<float, most_angles / 4 + 1> even_cosine;
  std::array<float, most_angles / 4 + 1> even_sine;
  std::array<float, most_angles / 4 + 1> odd_cosine;
  std::array<float, most_angles / 4 + 1> odd_sine;
  std::array<float, most_angles / 4 + 2 * lanes> real;
  std::array<float, most_angles / 4 + 2 * lanes> imaginary;
  for (int line = 0; line < count; ++line) {
    const float* value = lines.data() + static_cast<std::ptrdiff_t>(line) * angles_;
    float* power = powers.data() + static_cast<std::ptrdiff_t>(line) * orders();
    // cos(n phi) and sin(n phi) at j and half - j differ by signs that depend only on whether n is even.
    even_cosine[0] = value[0] + value[half];
    odd_cosine[0] = value[0] - value[half];
    even_sine[0] = 0.0F;
    odd_sine[0] = 0.0F;
    for (int j = 1; j < folded_; ++j) {
      const float even_near = value[j] + value[j + half];
      const float odd_near = value[j] - value[j + half];
      if (2 * j == half) {
        even_cosine[static_cast<std::size_t>(j)] = even_near;
        even_sine[static_cast<std::size_t>(j)] = 0.0F;
        odd_cosine[static_cast<std::size_t>(j)] = 0.0F;
        odd_sine[static_cast<std::size_t>(j)] = odd_near;
        continue;
      }
      const float even_far = value[half - j] + value[angles_ - j];
      const float odd_far = value[half - j] - value[angles_ - j];
      even_cosine[static_cast<std::size_t>(j)] = even_near + even_far;
      even_sine[static_cast<std::size_t>(j)] = even_near - even_far;
      odd_cosine[static_cast<std::size_t>(j)] = odd_near - odd_far;
      odd_sine[static_cast<std::size_t>(j)] = odd_near + odd_far;
    }
    multiply(even_cosine.data(), folded_, even_cosine_.data(), even_padded_, real.data());
    multiply(even_sine.data(), folded_, even_sine_.data(), even_padded_, imaginary.data());
    for (int n = 0; n <= half; n += 2) {
      const auto m = static_cast<std::size_t>(n / 2);
      power[n] = real[m] * real[m] + imaginary[m] * imaginary[m];
    }
    multiply(odd_cosine.data(), folded_, odd_cosine_.data(), odd_padded_, real.data());
    multiply(odd_sine.data(), folded_, odd_sine_.data(), odd_padded_, imaginary.data());
    for (int n = 1; n <= half; n += 2) {
      const auto m = static_cast<std::size_t>(n / 2);
      power[n] = real[m] * real[m] + imaginary[m] * imaginary[m];
    }
  }
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
  matrix_.assign(static_cast<std::size_t>(orders_) * static_cast<std::size_t>(orders_), 0.0F);
  if (!usable_) return;
  // P -> correlation (inverse transform of an even spectrum) -> divide by the pairs -> cosine transform.
  std::vector<double> cosine(static_cast<std::size_t>(angles));
  for (int j = 0; j < angles; ++j) cosine[static_cast<std::size_t>(j)] = std::cos(2.0 * units::pi * j / angles);
  const auto cosine_at = [&](int n, int step) { return cosine[static_cast<std::size_t>((n * step) % angles)]; };
  const auto multiplicity = [&](int index) { return index == 0 || 2 * index == angles ? 1.0 : 2.0; };
  for (int n = 0; n < orders_; ++n) {
    for (int m = 0; m < orders_; ++m) {
      double sum = 0.0;
      for (int step = 0; step < orders_; ++step) {
        sum += multiplicity(step) * cosine_at(n, step) * cosine_at(m, step) / pairs[static_cast<std::size_t>(step)];
      }
      // correlation sums are ifft(P) = (1/N) sum P cos; c_n = (1/N) sum_d C(d) cos; the factor N^2 is the caller's.
      matrix_[static_cast<std::size_t>(n * orders_ + m)] = static_cast<float>(multiplicity(m) * sum);
    }
  }
}

void MaskedHarmonics::apply(std::span<const float> powers, std::span<float> result) const {
  for (int n = 0; n < orders_; ++n) {
    const float* line = matrix_.data() + static_cast<std::ptrdiff_t>(n) * orders_;
    double sum = 0.0;
    for (int m = 0; m < orders_; ++m) {
      sum += static_cast<double>(line[m]) * static_cast<double>(powers[static_cast<std::size_t>(m)]);
    }
    result[static_cast<std::size_t>(n)] = static_cast<float>(sum);
  }
}

std::vector<double> MaskedHarmonics::apply(std::span<const double> powers) const {
  std::vector<double> result(static_cast<std::size_t>(orders_), 0.0);
  for (std::size_t n = 0; n < result.size(); ++n) {
    for (std::size_t m = 0; m < result.size(); ++m) {
      result[n] += static_cast<double>(matrix_[n * result.size() + m]) * powers[m];
    }
  }
  return result;
}

}  // namespace mesoglass::diffraction
