// Angular power spectra of polar patterns: c_n = |I_n|^2 / |I_0|^2, I_n = sum_j I(phi_j) exp(-i n phi_j).
#pragma once

#include <span>
#include <vector>

namespace mesoglass::diffraction {

// The powers |I_n|^2, n = 0 ... angles / 2, of real lines of an even number of angles, single precision. The sum is
// folded twice (phi -> phi + pi parts even from odd n; phi -> -phi parts cosines from sines), so that a quarter of the
// plain matrix product is left, and that vectorises over n.
class HarmonicPowers {
 public:
  // Throws std::logic_error unless angles is even and at least 4.
  explicit HarmonicPowers(int angles);

  [[nodiscard]] int angles() const noexcept { return angles_; }
  // Number of n: angles / 2 + 1.
  [[nodiscard]] int orders() const noexcept { return angles_ / 2 + 1; }

  // `lines` holds `count` lines of angles() values; `powers` gets `count` lines of orders() values.
  void compute(std::span<const float> lines, int count, std::span<float> powers) const;

 private:
  int angles_;
  int folded_;       // angles / 4 + 1: values left after folding
  int even_padded_;  // number of even n, rounded up to a whole number of vectors
  int odd_padded_;
  std::vector<float> even_cosine_, even_sine_, odd_cosine_, odd_sine_;  // (folded, padded)
};

// The masked form: where some angles of a line are missing (value 0 there), the correlation is divided by the number of
// pairs at each angle difference, C(d) + 1 = [ifft |fft(I m)|^2 / ifft |fft(m)|^2] / <I>_m^2, and c_n = dft(C + 1) / N.
// That is linear in the powers: c_n = sum_m M_nm P_m / <I>_m^2.
class MaskedHarmonics {
 public:
  // `valid` is one flag an angle.
  explicit MaskedHarmonics(const std::vector<bool>& valid);
  // False where some angle difference has too few pairs (under angles / 8) to be trusted.
  [[nodiscard]] bool usable() const noexcept { return usable_; }
  // N^2 sum_m M_nm P_m: what takes the place of the powers, so that c_n = result_n / (N <I>_m)^2.
  void apply(std::span<const float> powers, std::span<float> result) const;
  [[nodiscard]] std::vector<double> apply(std::span<const double> powers) const;

 private:
  int orders_;
  bool usable_ = true;
  std::vector<float> matrix_;  // (orders, orders)
};

}  // namespace mesoglass::diffraction
