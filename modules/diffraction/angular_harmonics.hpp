// Angular power spectra of polar patterns: c_n = |I_n|^2 / |I_0|^2, I_n = sum_j I(phi_j) exp(-i n phi_j).
#pragma once

#include <span>
#include <vector>

#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

// What the kernel for the powers |I_n|^2, n = 0 ... angles / 2, of real lines of an even number of angles needs. The
// sum is folded twice (phi -> phi + pi parts even from odd n; phi -> -phi parts cosines from sines), so that a quarter
// of the plain matrix product is left. The kernel is LaneKernels::harmonic_powers.
class HarmonicPowers {
 public:
  // Throws std::logic_error unless angles is even and 4 to 1024.
  explicit HarmonicPowers(int angles);
  HarmonicPowers(const HarmonicPowers&) = delete;
  HarmonicPowers& operator=(const HarmonicPowers&) = delete;

  [[nodiscard]] const HarmonicTables& tables() const noexcept { return tables_; }
  // Number of n: angles / 2 + 1.
  [[nodiscard]] int orders() const noexcept { return tables_.angles / 2 + 1; }
  // Rounded up to what the kernels work in.
  [[nodiscard]] int padded_orders() const noexcept;

 private:
  HarmonicTables tables_;
  std::vector<float> even_cosine_, even_sine_, odd_cosine_, odd_sine_;
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
  // `powers` has orders [n][lane], `result` padded_orders.
  void apply(const LaneKernels& kernels, const float* powers, float* result) const;
  [[nodiscard]] std::vector<double> apply(std::span<const double> powers) const;

 private:
  int orders_;
  int width_ = 0;  // orders, padded
  bool usable_ = true;
  std::vector<float> matrix_;  // M_nm at [m][n]
};

}  // namespace mesoglass::diffraction
