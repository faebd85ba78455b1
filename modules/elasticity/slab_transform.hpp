// Fourier transform of a real field on the voxel grid that is cut into slabs over the ranks.
#pragma once

#include <complex>
#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "core/fft.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass::elasticity {

// A rank's part of a spectrum, in one piece of memory or cut into two between any of its lines along the slab axis.
// Does not own them.
class SpectrumParts {
 public:
  using Value = std::complex<double>;
  SpectrumParts(ComplexBuffer& values) noexcept : head_(values) {}
  SpectrumParts(std::span<Value> head, std::span<Value> tail) noexcept : head_(head), tail_(tail) {}

  // The values of a line stand side by side.
  [[nodiscard]] Value& operator[](std::size_t index) const noexcept {
    return index < head_.size() ? head_[index] : tail_[index - head_.size()];
  }

 private:
  std::span<Value> head_, tail_;
};

// Every one-dimensional transform is done whole by one rank with a plan that depends on the grid alone, so the result
// is the same bit for bit on any number of ranks (FFTW's own distributed transform does not promise that). One exchange
// of the data a transform. Only non-negative frequencies of x are kept.
//
// The spectrum is distributed over in-slab frequencies p = ny_index * (nx/2 + 1) + nx_index (in two dimensions, where
// y is the slab axis, p = nx_index); each rank holds whole lines along the slab axis: value(p, s) at
// (p - own_lines().begin) * slab_count + s.
class SlabTransform {
 public:
  // The communicator must outlive the transform. Not collective.
  SlabTransform(const Communicator& communicator, const VoxelGrid& grid);

  [[nodiscard]] const VoxelGrid& grid() const noexcept { return grid_; }
  [[nodiscard]] std::size_t own_voxel_count() const noexcept {
    return static_cast<std::size_t>(own_slabs_.size() * grid_.voxels_per_slab());
  }
  // Of its buffers, on this rank.
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  [[nodiscard]] Range own_lines() const noexcept { return own_lines_; }
  [[nodiscard]] std::size_t spectrum_size() const noexcept {
    return static_cast<std::size_t>(own_lines_.size() * grid_.slab_count());
  }

  // Unnormalised: sum of f exp(-i theta r). `values` are this rank's voxels, `spectrum` its spectrum_size() values.
  // Collective.
  void forward(std::span<const double> values, const SpectrumParts& spectrum);
  // The inverse, divided by the number of voxels. Destroys `spectrum`, which may lie in the memory of `values`.
  // Collective.
  void backward(const SpectrumParts& spectrum, std::span<double> values);

  // Calls visit(index in the spectrum, nx, ny, nz) for this rank's frequencies. Not collective.
  template <typename Visit>
  void for_each_frequency(Visit&& visit) const {
    const std::int64_t slabs = grid_.slab_count();
    const bool solid = grid_.dimensions() == 3;
    std::size_t index = 0;
    for (std::int64_t line = own_lines_.begin; line < own_lines_.end; ++line) {
      const std::int64_t x = line % half_;
      const std::int64_t y = line / half_;
      for (std::int64_t slab = 0; slab < slabs; ++slab, ++index) {
        if (solid) {
          visit(index, x, y, slab);
        } else {
          visit(index, x, slab, std::int64_t{0});
        }
      }
    }
  }
  // How many of the full spectrum's frequencies a stored one stands for: 2 where its complex conjugate is not stored.
  [[nodiscard]] double multiplicity(std::int64_t nx) const noexcept {
    return nx == 0 || 2 * nx == grid_.nx ? 1.0 : 2.0;
  }

 private:
  void exchange(const ComplexBuffer& outgoing, ComplexBuffer& incoming, bool to_lines);

  const Communicator& communicator_;
  VoxelGrid grid_;
  std::int64_t half_;   // stored frequencies of x
  std::int64_t rows_;   // lines of x in a slab
  std::int64_t plane_;  // in-slab frequencies
  Range own_slabs_;
  Range own_lines_;
  std::vector<int> slab_counts_, slab_offsets_, line_counts_, line_offsets_;  // of the exchange, in complex values
  RealBuffer slab_values_;
  ComplexBuffer slab_spectrum_;
  ComplexBuffer planes_;   // [destination][own slab][line of the destination]
  ComplexBuffer arrived_;  // [source][slab of the source][own line]
  ComplexBuffer line_;
  FftPlan x_forward_, x_backward_, y_forward_, y_backward_, slab_forward_, slab_backward_;
};

}  // namespace mesoglass::elasticity
