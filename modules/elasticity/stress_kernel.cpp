#include "elasticity/stress_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>

#include "core/communicator.hpp"
#include "core/fft.hpp"
#include "core/vector_clones.hpp"
#include "elasticity/discrete_green_operator.hpp"
#include "elasticity/slab_transform.hpp"

namespace mesoglass::elasticity {

namespace {

constexpr std::int64_t wrapped(std::int64_t offset, std::int64_t count) noexcept {
  const std::int64_t remainder = offset % count;
  return remainder < 0 ? remainder + count : remainder;
}

constexpr std::size_t mirrored_x = 3;  // the same as y and z mirrored

enum class Order { forwards, backwards };

// stress[a][i] += sum over b of coefficient[a][b] * table[pair(a, b)][i], or [-i] backwards. One row a at a time and
// the sum over b written out by recursion: compilers vectorise a loop over i only where nothing but straight code is
// inside.
template <Order Direction, int Count, int A, int B>
[[gnu::always_inline]] inline double row_sum(const double* table, std::size_t table_stride, const double* coefficient,
                                             std::ptrdiff_t i) noexcept {
  constexpr int low = A < B ? A : B;
  constexpr int high = A < B ? B : A;
  constexpr std::size_t row = low * Count - low * (low - 1) / 2 + high - low;
  const double* entry = table + row * table_stride;
  const double term = coefficient[A * Count + B] * (Direction == Order::forwards ? entry[i] : entry[-i]);
  if constexpr (B == 0) {
    return term;
  } else {
    return row_sum<Direction, Count, A, B - 1>(table, table_stride, coefficient, i) + term;
  }
}

template <Order Direction, int Count, int A = 0>
[[gnu::always_inline]] inline void add_rows(const double* __restrict table, std::size_t table_stride,
                                            const double* __restrict coefficient, double* __restrict stress,
                                            std::size_t stress_stride, std::ptrdiff_t length) noexcept {
  double* __restrict out = stress + static_cast<std::size_t>(A) * stress_stride;
#pragma GCC ivdep
  for (std::ptrdiff_t i = 0; i < length; ++i) {
    out[i] += row_sum<Direction, Count, A, Count - 1>(table, table_stride, coefficient, i);
  }
  if constexpr (A + 1 < Count) {
    add_rows<Direction, Count, A + 1>(table, table_stride, coefficient, stress, stress_stride, length);
  }
}

#define MESOGLASS_KERNEL_FUNCTION(COUNT)                                                                              \
  MESOGLASS_VECTOR_CLONES void add_rows_##COUNT(Order direction, const double* table, std::size_t table_stride,       \
                                                const double* coefficient, double* stress, std::size_t stress_stride, \
                                                std::ptrdiff_t length) {                                              \
    if (direction == Order::forwards) {                                                                               \
      add_rows<Order::forwards, COUNT>(table, table_stride, coefficient, stress, stress_stride, length);              \
    } else {                                                                                                          \
      add_rows<Order::backwards, COUNT>(table, table_stride, coefficient, stress, stress_stride, length);             \
    }                                                                                                                 \
  }
MESOGLASS_KERNEL_FUNCTION(2)
MESOGLASS_KERNEL_FUNCTION(3)
MESOGLASS_KERNEL_FUNCTION(5)
MESOGLASS_KERNEL_FUNCTION(6)
#undef MESOGLASS_KERNEL_FUNCTION

}  // namespace

StressKernel::StressKernel(const VoxelGrid& grid, const IsotropicModuli& moduli, BasisKind kind, KernelMean mean)
    : grid_(grid),
      basis_(kind, moduli.dimensions),
      half_x_(grid.nx / 2 + 1),
      half_y_(grid.ny / 2 + 1),
      pairs_(basis_.count() * (basis_.count() + 1) / 2) {
  const DiscreteGreenOperator green(grid, moduli);
  for (std::size_t mirrored = 0; mirrored < mirror_signs_.size(); ++mirrored) {
    for (int a = 0; a < basis_.count(); ++a) {
      mirror_signs_[mirrored][static_cast<std::size_t>(a)] =
          ((mirrored & 1) != 0 ? basis_.mirror_sign(a, 1) : 1) * ((mirrored & 2) != 0 ? basis_.mirror_sign(a, 2) : 1);
    }
  }
  const std::int64_t half_z = grid.nz / 2 + 1;
  table_.resize(static_cast<std::size_t>(half_z * half_y_ * pairs_ * half_x_));

  const Communicator alone = Communicator::self();
  SlabTransform transform(alone, grid);
  const int count = basis_.count();
  std::vector<ComplexBuffer> spectra(static_cast<std::size_t>(count));
  RealBuffer field(static_cast<std::size_t>(grid.voxel_count()));
  for (int b = 0; b < count; ++b) {
    for (int a = b; a < count; ++a) spectra[static_cast<std::size_t>(a)].resize(transform.spectrum_size());
    ComplexTensor unit;
    for (std::size_t c = 0; c < tensor_components; ++c) unit[c] = basis_.tensor(b)[c];
    transform.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
      const bool zero = x == 0 && y == 0 && z == 0;
      const ComplexTensor stress =
          zero && mean == KernelMean::zero_stress ? ComplexTensor{} : green.stress(x, y, z, unit);
      for (int a = b; a < count; ++a) {
        double value = 0.0;
        for (std::size_t c = 0; c < tensor_components; ++c) value += basis_.projection(a)[c] * stress[c].real();
        spectra[static_cast<std::size_t>(a)][index] = value;
      }
    });
    for (int a = b; a < count; ++a) {
      auto& spectrum = spectra[static_cast<std::size_t>(a)];
      transform.backward(spectrum, field);
      for (std::int64_t dz = 0; dz < half_z; ++dz) {
        for (std::int64_t dy = 0; dy < half_y_; ++dy) {
          const std::size_t to = row_offset(dy, dz) + pair(a, b) * static_cast<std::size_t>(half_x_);
          std::copy_n(field.begin() + grid.index(0, dy, dz), half_x_, table_.begin() + static_cast<std::ptrdiff_t>(to));
        }
      }
      spectrum = ComplexBuffer();
    }
  }
}

std::size_t StressKernel::mirror(std::int64_t& dy, std::int64_t& dz) const noexcept {
  std::size_t mirrored = 0;
  if (2 * dy > grid_.ny) {
    dy = grid_.ny - dy;
    mirrored |= 1;
  }
  if (2 * dz > grid_.nz) {
    dz = grid_.nz - dz;
    mirrored |= 2;
  }
  return mirrored;
}

std::size_t StressKernel::mirror(std::int64_t& dx, std::int64_t& dy, std::int64_t& dz) const noexcept {
  const std::size_t mirrored = mirror(dy, dz);
  if (dx < half_x_) return mirrored;
  dx = grid_.nx - dx;
  return mirrored ^ mirrored_x;
}

std::size_t StressKernel::row_offset(std::int64_t dy, std::int64_t dz) const noexcept {
  return static_cast<std::size_t>((dz * half_y_ + dy) * pairs_ * half_x_);
}

std::size_t StressKernel::pair(int a, int b) const noexcept {
  const int low = std::min(a, b);
  const int high = std::max(a, b);
  return static_cast<std::size_t>(low * count() - low * (low - 1) / 2 + high - low);
}

double StressKernel::value(int a, int b, std::int64_t dx, std::int64_t dy, std::int64_t dz) const noexcept {
  std::int64_t x = wrapped(dx, grid_.nx);
  std::int64_t y = wrapped(dy, grid_.ny);
  std::int64_t z = wrapped(dz, grid_.nz);
  const auto& sign = mirror_signs_[mirror(x, y, z)];
  return sign[static_cast<std::size_t>(a)] * sign[static_cast<std::size_t>(b)] *
         table_[row_offset(y, z) + pair(a, b) * static_cast<std::size_t>(half_x_) + static_cast<std::size_t>(x)];
}

void StressKernel::values(std::int64_t dx, std::int64_t dy, std::int64_t dz, double* entries) const noexcept {
  std::int64_t x = wrapped(dx, grid_.nx);
  std::int64_t y = wrapped(dy, grid_.ny);
  std::int64_t z = wrapped(dz, grid_.nz);
  const auto& sign = mirror_signs_[mirror(x, y, z)];
  const double* entry = table_.data() + row_offset(y, z) + x;
  const auto rows = static_cast<std::size_t>(count());
  for (std::size_t a = 0; a < rows; ++a) {
    for (std::size_t b = a; b < rows; ++b, entry += half_x_) *entries++ = sign[a] * sign[b] * *entry;
  }
}

double StressKernel::norm(std::int64_t dx, std::int64_t dy, std::int64_t dz) const noexcept {
  double sum = 0.0;
  for (int a = 0; a < count(); ++a) {
    for (int b = 0; b < count(); ++b) {
      const double k = value(a, b, dx, dy, dz);
      sum += k * k;
    }
  }
  return std::sqrt(sum);
}

double StressKernel::self_response(std::span<const double> strain) const noexcept {
  double sum = 0.0;
  for (int a = 0; a < count(); ++a) {
    for (int b = 0; b < count(); ++b) {
      sum += strain[static_cast<std::size_t>(a)] * value(a, b, 0, 0, 0) * strain[static_cast<std::size_t>(b)];
    }
  }
  return sum;
}

template <int Rows>
void StressKernel::add_at(std::int64_t dx, std::int64_t dy, std::int64_t dz, const double* strain,
                          double* stress) const noexcept {
  if (dx < 0) dx += grid_.nx;
  if (dy < 0) dy += grid_.ny;
  if (dz < 0) dz += grid_.nz;
  const auto& sign = mirror_signs_[mirror(dx, dy, dz)];
  const double* table = table_.data() + row_offset(dy, dz) + static_cast<std::size_t>(dx);
  const auto stride = static_cast<std::size_t>(half_x_);
  for (std::size_t a = 0; a < Rows; ++a) {
    for (std::size_t b = a; b < Rows; ++b, table += stride) {
      const double value = sign[a] * sign[b] * *table;
      stress[a] += value * strain[b];
      if (b != a) stress[b] += value * strain[a];
    }
  }
}

void StressKernel::superpose_at(std::int64_t dx, std::int64_t dy, std::int64_t dz, std::span<const double> strain,
                                double* stress) const noexcept {
  switch (count()) {
    case 2:
      return add_at<2>(dx, dy, dz, strain.data(), stress);
    case 3:
      return add_at<3>(dx, dy, dz, strain.data(), stress);
    case 5:
      return add_at<5>(dx, dy, dz, strain.data(), stress);
    default:
      return add_at<6>(dx, dy, dz, strain.data(), stress);
  }
}

StressKernel::Source::Source(const StressKernel& kernel, std::int64_t voxel, std::span<const double> strain) noexcept
    : place_(kernel.grid_.coordinates(voxel)) {
  const auto rows = static_cast<std::size_t>(kernel.count());
  for (std::size_t mirrored = 0; mirrored < factor_.size(); ++mirrored) {
    const auto& sign = kernel.mirror_signs(mirrored);
    for (std::size_t a = 0; a < rows; ++a) {
      for (std::size_t b = 0; b < rows; ++b) factor_[mirrored][a * rows + b] = sign[a] * sign[b] * strain[b];
    }
  }
}

void StressKernel::superpose_row(const Source& source, std::int64_t x_begin, std::int64_t x_count, std::int64_t y,
                                 std::int64_t z, double* stress, std::size_t stride) const noexcept {
  const auto [source_x, source_y, source_z] = source.place_;
  std::int64_t dy = wrapped(y - source_y, grid_.ny);
  std::int64_t dz = wrapped(z - source_z, grid_.nz);
  const std::size_t mirrored = mirror(dy, dz);
  const double* row = table_.data() + row_offset(dy, dz);
  const auto table_stride = static_cast<std::size_t>(half_x_);
  const auto add = [&](Order direction, std::int64_t table_begin, std::int64_t length, double* out) {
    const double* table = row + table_begin;
    const double* factor = source.factor_[direction == Order::forwards ? mirrored : mirrored ^ mirrored_x].data();
    switch (count()) {
      case 2:
        return add_rows_2(direction, table, table_stride, factor, out, stride, length);
      case 3:
        return add_rows_3(direction, table, table_stride, factor, out, stride, length);
      case 5:
        return add_rows_5(direction, table, table_stride, factor, out, stride, length);
      default:
        return add_rows_6(direction, table, table_stride, factor, out, stride, length);
    }
  };
  std::int64_t offset = wrapped(x_begin - source_x, grid_.nx);
  for (std::int64_t left = x_count; left > 0;) {
    const bool stored = offset < half_x_;
    const std::int64_t length = std::min(left, (stored ? half_x_ : grid_.nx) - offset);
    add(stored ? Order::forwards : Order::backwards, stored ? offset : grid_.nx - offset, length, stress);
    stress += length;
    left -= length;
    offset = (offset + length) % grid_.nx;
  }
}

void StressKernel::superpose(std::int64_t source, std::span<const double> strain, Range slabs,
                             std::span<double> stress) const noexcept {
  const Source prepared(*this, source, strain);
  const std::int64_t slab_voxels = grid_.voxels_per_slab();
  const std::int64_t rows_per_slab = slab_voxels / grid_.nx;
  const auto stride = static_cast<std::size_t>(slabs.size() * slab_voxels);
  const bool solid = grid_.dimensions() == 3;
  double* out = stress.data();
  for (std::int64_t slab = slabs.begin; slab < slabs.end; ++slab) {
    for (std::int64_t row = 0; row < rows_per_slab; ++row, out += grid_.nx) {
      superpose_row(prepared, 0, grid_.nx, solid ? row : slab, solid ? slab : 0, out, stride);
    }
  }
}

}  // namespace mesoglass::elasticity
