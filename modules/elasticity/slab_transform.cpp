#include "elasticity/slab_transform.hpp"

#include <algorithm>
#include <cstddef>

namespace mesoglass::elasticity {

namespace {

// Lines gathered at a time while transposing, so that a cache line is used whole.
constexpr std::int64_t tile = 16;

}  // namespace

SlabTransform::SlabTransform(const Communicator& communicator, const VoxelGrid& grid)
    : communicator_(communicator),
      grid_(grid),
      half_(grid.nx / 2 + 1),
      rows_(grid.dimensions() == 3 ? grid.ny : 1),
      plane_(rows_ * half_),
      own_slabs_(grid.slabs_of(communicator.rank(), communicator.size())),
      own_lines_(block_of(plane_, communicator.rank(), communicator.size())) {
  const int ranks = communicator.size();
  int slab_offset = 0;
  int line_offset = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto to_rank = static_cast<int>(own_slabs_.size() * block_of(plane_, rank, ranks).size());
    const auto from_rank = static_cast<int>(grid.slabs_of(rank, ranks).size() * own_lines_.size());
    slab_counts_.push_back(to_rank);
    slab_offsets_.push_back(slab_offset);
    slab_offset += to_rank;
    line_counts_.push_back(from_rank);
    line_offsets_.push_back(line_offset);
    line_offset += from_rank;
  }
  slab_values_.resize(static_cast<std::size_t>(rows_ * grid.nx));
  slab_spectrum_.resize(static_cast<std::size_t>(plane_));
  planes_.resize(static_cast<std::size_t>(own_slabs_.size() * plane_));
  if (ranks > 1) arrived_.resize(static_cast<std::size_t>(grid.slab_count() * own_lines_.size()));
  line_.resize(static_cast<std::size_t>(grid.slab_count()));

  const auto length_x = static_cast<int>(grid.nx);
  const auto rows = static_cast<int>(rows_);
  const auto half = static_cast<int>(half_);
  const auto slabs = static_cast<int>(grid.slab_count());
  x_forward_ = FftPlan::real_lines_forward(length_x, rows, slab_values_.data(), slab_spectrum_.data());
  x_backward_ = FftPlan::real_lines_backward(length_x, rows, slab_spectrum_.data(), slab_values_.data());
  y_forward_ = FftPlan::complex_lines(rows, half, half, 1, slab_spectrum_.data(), FftDirection::forward);
  y_backward_ = FftPlan::complex_lines(rows, half, half, 1, slab_spectrum_.data(), FftDirection::backward);
  slab_forward_ = FftPlan::complex_lines(slabs, 1, 1, slabs, line_.data(), FftDirection::forward);
  slab_backward_ = FftPlan::complex_lines(slabs, 1, 1, slabs, line_.data(), FftDirection::backward);
}

std::size_t SlabTransform::memory_bytes() const noexcept {
  return slab_values_.size() * sizeof(double) +
         (slab_spectrum_.size() + planes_.size() + arrived_.size() + line_.size()) * sizeof(std::complex<double>);
}

void SlabTransform::exchange(const ComplexBuffer& outgoing, ComplexBuffer& incoming, bool to_lines) {
  const auto& sent = to_lines ? slab_counts_ : line_counts_;
  const auto& sent_at = to_lines ? slab_offsets_ : line_offsets_;
  const auto& received = to_lines ? line_counts_ : slab_counts_;
  const auto& received_at = to_lines ? line_offsets_ : slab_offsets_;
  check_mpi(MPI_Alltoallv(outgoing.data(), sent.data(), sent_at.data(), MPI_C_DOUBLE_COMPLEX, incoming.data(),
                          received.data(), received_at.data(), MPI_C_DOUBLE_COMPLEX, communicator_.get()),
            "MPI_Alltoallv");
}

void SlabTransform::forward(std::span<const double> values, const SpectrumParts& spectrum) {
  const int ranks = communicator_.size();
  const std::int64_t slab_voxels = grid_.voxels_per_slab();
  for (std::int64_t slab = 0; slab < own_slabs_.size(); ++slab) {
    std::copy_n(values.begin() + slab * slab_voxels, slab_voxels, slab_values_.begin());
    x_forward_.execute();
    if (rows_ > 1) y_forward_.execute();
    for (int rank = 0; rank < ranks; ++rank) {
      const Range lines = block_of(plane_, rank, ranks);
      std::copy_n(slab_spectrum_.begin() + lines.begin, lines.size(),
                  planes_.begin() + slab_offsets_[static_cast<std::size_t>(rank)] + slab * lines.size());
    }
  }
  if (ranks > 1) exchange(planes_, arrived_, true);
  // Ranks hold ascending slabs, so what arrived is [slab][own line] as a whole.
  const auto& by_slab = ranks > 1 ? arrived_ : planes_;
  const std::int64_t slabs = grid_.slab_count();
  const std::int64_t lines = own_lines_.size();
  for (std::int64_t first = 0; first < lines; first += tile) {
    const std::int64_t last = std::min(first + tile, lines);
    for (std::int64_t slab = 0; slab < slabs; ++slab) {
      for (std::int64_t line = first; line < last; ++line) {
        spectrum[static_cast<std::size_t>(line * slabs + slab)] =
            by_slab[static_cast<std::size_t>(slab * lines + line)];
      }
    }
  }
  for (std::int64_t line = 0; line < lines; ++line) {
    auto* own = &spectrum[static_cast<std::size_t>(line * slabs)];
    std::copy_n(own, slabs, line_.begin());
    slab_forward_.execute();
    std::copy_n(line_.begin(), slabs, own);
  }
}

void SlabTransform::backward(const SpectrumParts& spectrum, std::span<double> values) {
  const int ranks = communicator_.size();
  const std::int64_t slabs = grid_.slab_count();
  const std::int64_t lines = own_lines_.size();
  for (std::int64_t line = 0; line < lines; ++line) {
    auto* own = &spectrum[static_cast<std::size_t>(line * slabs)];
    std::copy_n(own, slabs, line_.begin());
    slab_backward_.execute();
    std::copy_n(line_.begin(), slabs, own);
  }
  auto& by_slab = ranks > 1 ? arrived_ : planes_;
  for (std::int64_t first = 0; first < lines; first += tile) {
    const std::int64_t last = std::min(first + tile, lines);
    for (std::int64_t slab = 0; slab < slabs; ++slab) {
      for (std::int64_t line = first; line < last; ++line) {
        by_slab[static_cast<std::size_t>(slab * lines + line)] =
            spectrum[static_cast<std::size_t>(line * slabs + slab)];
      }
    }
  }
  if (ranks > 1) exchange(arrived_, planes_, false);
  const std::int64_t slab_voxels = grid_.voxels_per_slab();
  const double scale = 1.0 / static_cast<double>(grid_.voxel_count());
  for (std::int64_t slab = 0; slab < own_slabs_.size(); ++slab) {
    for (int rank = 0; rank < ranks; ++rank) {
      const Range own = block_of(plane_, rank, ranks);
      std::copy_n(planes_.begin() + slab_offsets_[static_cast<std::size_t>(rank)] + slab * own.size(), own.size(),
                  slab_spectrum_.begin() + own.begin);
    }
    if (rows_ > 1) y_backward_.execute();
    x_backward_.execute();
    for (std::int64_t voxel = 0; voxel < slab_voxels; ++voxel) {
      values[static_cast<std::size_t>(slab * slab_voxels + voxel)] =
          scale * slab_values_[static_cast<std::size_t>(voxel)];
    }
  }
}

}  // namespace mesoglass::elasticity
