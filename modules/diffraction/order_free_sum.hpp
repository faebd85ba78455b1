// Sums whose bits do not depend on the order of the terms, so that they are the same on any number of ranks.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass::diffraction {

// Every term is cut into a multiple of a coarse power of two and a multiple of a fine one; sums of such multiples are
// exact in double precision, whatever their order (Demmel and Nguyen 2013 do this in general). What is lost is below
// 2^-86 of the largest total for each term.
class OrderFreeSums {
 public:
  // `largest_total`: no sum's magnitude exceeds it (a larger one is still right, but may depend on the order).
  // Up to 2^17 terms a sum over all ranks.
  OrderFreeSums(std::size_t count, double largest_total)
      : coarse_(count, 0.0),
        fine_(count, 0.0),
        coarse_shift_(1.5 * std::ldexp(1.0, std::ilogb(largest_total > 0.0 ? largest_total : 1.0) + 2)),
        fine_shift_(std::ldexp(coarse_shift_, -36)) {}

  // sums[first + i] += terms[i].
  void add(std::size_t first, std::span<const double> terms) {
    double* coarse = coarse_.data() + first;
    double* fine = fine_.data() + first;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      const double high = (terms[i] + coarse_shift_) - coarse_shift_;
      coarse[i] += high;
      fine[i] += ((terms[i] - high) + fine_shift_) - fine_shift_;
    }
  }
  // Over all ranks. Collective.
  void reduce(const Communicator& communicator) {
    communicator.sum_in_place(std::span<double>(coarse_));
    communicator.sum_in_place(std::span<double>(fine_));
  }
  [[nodiscard]] double operator[](std::size_t index) const { return coarse_[index] + fine_[index]; }
  [[nodiscard]] std::size_t size() const noexcept { return coarse_.size(); }

 private:
  std::vector<double> coarse_, fine_;
  double coarse_shift_;
  double fine_shift_;
};

}  // namespace mesoglass::diffraction
