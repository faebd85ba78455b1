#include "deformation/brick_kernel.hpp"

#include <algorithm>
#include <cstdlib>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

namespace {

constexpr std::size_t lanes = 8;  // bricks at a time

// A row of the kernel and the factors of its entries.
struct Term {
  const float* table;
  const float* factor;
};

// out[a][i] += sum over b of factor[a][b] * table[pair(a, b)][i * step]; written out by recursion because compilers
// vectorise a loop over i only where nothing but straight code is inside. The compiler knows a `Step` above zero.
template <std::size_t Step, int Rows, int A, int B>
[[gnu::always_inline]] inline float row_sum(const Term& term, std::size_t pair_stride, std::size_t any_step,
                                            std::size_t i) noexcept {
  constexpr int low = A < B ? A : B;
  constexpr int high = A < B ? B : A;
  constexpr std::size_t pair = static_cast<std::size_t>(low * Rows - low * (low - 1) / 2 + high - low);
  const std::size_t at = pair * pair_stride + i * (Step > 0 ? Step : any_step);
  const float product = term.factor[A * Rows + B] * term.table[at];
  if constexpr (B == 0) {
    return product;
  } else {
    return row_sum<Step, Rows, A, B - 1>(term, pair_stride, any_step, i) + product;
  }
}

template <std::size_t Step, int Rows, int A = 0>
[[gnu::always_inline]] inline void put_value(const Term& term, std::size_t pair_stride, std::size_t any_step,
                                             float (*__restrict out)[lanes]) noexcept {
  for (std::size_t i = 0; i < lanes; ++i) {
    out[A][i] = row_sum<Step, Rows, A, Rows - 1>(term, pair_stride, any_step, i);
  }
  if constexpr (A + 1 < Rows) put_value<Step, Rows, A + 1>(term, pair_stride, any_step, out);
}

template <std::size_t Step, int Rows, int A = 0>
[[gnu::always_inline]] inline void put_difference(const Term& up, const Term& down, std::size_t pair_stride,
                                                  std::size_t any_step, float (*__restrict out)[lanes]) noexcept {
  for (std::size_t i = 0; i < lanes; ++i) {
    out[A][i] = row_sum<Step, Rows, A, Rows - 1>(up, pair_stride, any_step, i) +
                row_sum<Step, Rows, A, Rows - 1>(down, pair_stride, any_step, i);
  }
  if constexpr (A + 1 < Rows) put_difference<Step, Rows, A + 1>(up, down, pair_stride, any_step, out);
}

// `terms`: the value, then for each axis one voxel up and one down.
template <std::size_t Step, int Rows, int Axes>
[[gnu::always_inline]] inline void add_bricks(const Term* terms, std::size_t pair_stride, std::size_t step,
                                              std::size_t count, double* fields) noexcept {
  constexpr std::size_t values = (1 + Axes) * Rows;
  for (std::size_t first = 0; first < count; first += lanes) {
    float field[values][lanes];
    std::array<Term, 1 + 2 * Axes> here;
    for (std::size_t t = 0; t < here.size(); ++t) here[t] = {terms[t].table + first * step, terms[t].factor};
    put_value<Step, Rows>(here[0], pair_stride, step, field);
    for (std::size_t axis = 0; axis < Axes; ++axis) {
      put_difference<Step, Rows>(here[1 + 2 * axis], here[2 + 2 * axis], pair_stride, step, field + (1 + axis) * Rows);
    }
    const std::size_t used = std::min(lanes, count - first);
    for (std::size_t i = 0; i < used; ++i) {
      double* out = fields + (first + i) * values;
      for (std::size_t v = 0; v < values; ++v) out[v] += static_cast<double>(field[v][i]);
    }
  }
}

#define MESOGLASS_BRICK_FUNCTION(ROWS, AXES)                                                                     \
  MESOGLASS_VECTOR_CLONES void add_bricks_##ROWS##_##AXES(const Term* terms, std::size_t pair_stride,            \
                                                          std::size_t step, std::size_t count, double* fields) { \
    switch (step) {                                                                                              \
      case 1:                                                                                                    \
        return add_bricks<1, ROWS, AXES>(terms, pair_stride, step, count, fields);                               \
      case 2:                                                                                                    \
        return add_bricks<2, ROWS, AXES>(terms, pair_stride, step, count, fields);                               \
      default:                                                                                                   \
        return add_bricks<0, ROWS, AXES>(terms, pair_stride, step, count, fields);                               \
    }                                                                                                            \
  }
MESOGLASS_BRICK_FUNCTION(2, 2)
MESOGLASS_BRICK_FUNCTION(3, 2)
MESOGLASS_BRICK_FUNCTION(5, 3)
MESOGLASS_BRICK_FUNCTION(6, 3)
#undef MESOGLASS_BRICK_FUNCTION

}  // namespace

StrainFactors::StrainFactors(const elasticity::StressKernel& kernel, std::span<const double> strain) noexcept {
  const auto rows = static_cast<std::size_t>(kernel.count());
  constexpr std::array<double, 3> kinds = {1.0, 0.5, -0.5};
  for (std::size_t mirrored = 0; mirrored < factors_.size(); ++mirrored) {
    const auto sign = kernel.mirror_signs(mirrored);
    for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
      for (std::size_t a = 0; a < rows; ++a) {
        for (std::size_t b = 0; b < rows; ++b) {
          factors_[mirrored][kind][a * rows + b] =
              static_cast<float>(kinds[kind] * static_cast<double>(sign[a] * sign[b]) * strain[b]);
        }
      }
    }
  }
}

BrickKernel::BrickKernel(const elasticity::StressKernel& kernel, std::int64_t edge)
    : edge_(edge),
      first_(first_offset(edge, kernel.grid())),
      length_(offsets_side_by_side(edge, kernel.grid())),
      rows_y_(kernel.grid().ny / 2 + 2),
      rows_(kernel.count()),
      pairs_(kernel.count() * (kernel.count() + 1) / 2),
      axes_(static_cast<std::size_t>(kernel.grid().dimensions())) {
  const std::int64_t reach_x = kernel.grid().nx / 2 + 1;
  const std::int64_t rows_z = axes_ == 3 ? kernel.grid().nz / 2 + 2 : 1;
  table_.assign(bytes_needed(rows_, kernel.grid(), edge) / sizeof(float), 0.0F);
  std::vector<double> entries(static_cast<std::size_t>(pairs_));
  for (std::int64_t dz = 0; dz < rows_z; ++dz) {
    for (std::int64_t dy = 0; dy < rows_y_; ++dy) {
      for (std::int64_t dx = -reach_x; dx <= reach_x; ++dx) {
        kernel.values(dx, dy, dz, entries.data());
        auto place = (dz * rows_y_ + dy) * edge_ * pairs_ * length_ + place_along_x(dx);
        for (const double entry : entries) {
          table_[static_cast<std::size_t>(place)] = static_cast<float>(entry);
          place += length_;
        }
      }
    }
  }
}

std::size_t BrickKernel::bytes_needed(int rows, const VoxelGrid& grid, std::int64_t edge) noexcept {
  const std::int64_t lines = (grid.ny / 2 + 2) * (grid.dimensions() == 3 ? grid.nz / 2 + 2 : 1);
  const std::int64_t entries = lines * edge * (rows * (rows + 1) / 2) * offsets_side_by_side(edge, grid);
  // The last bricks' lanes may read beyond their row, as far as the largest bricks' steps reach.
  return (static_cast<std::size_t>(entries) + lanes * static_cast<std::size_t>(offsets_side_by_side(edge, grid))) *
         sizeof(float);
}

BrickKernel::Row BrickKernel::row(std::int64_t dy, std::int64_t dz) const noexcept {
  return {table_.data() + (std::abs(dz) * rows_y_ + std::abs(dy)) * edge_ * pairs_ * length_,
          static_cast<std::size_t>((dy < 0 ? 1 : 0) + (dz < 0 ? 2 : 0))};
}

void BrickKernel::add(std::int64_t dx, std::int64_t dy, std::int64_t dz, const StrainFactors& strain, std::size_t step,
                      std::size_t count, double* fields) const noexcept {
  enum Kind : std::size_t { whole = 0, half = 1, minus_half = 2 };
  std::array<Term, 7> terms;
  std::size_t used = 0;
  const auto put = [&](const VoxelPlace& offset, Kind kind) {
    const Row here = row(offset[1], offset[2]);
    terms[used++] = {here.table + place_along_x(offset[0]), strain.factors_[here.mirrored][kind].data()};
  };
  put({dx, dy, dz}, whole);
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    for (const std::int64_t voxels : {1, -1}) {
      VoxelPlace offset = {dx, dy, dz};
      offset[axis] += voxels;
      put(offset, voxels == 1 ? half : minus_half);
    }
  }
  const auto stride = static_cast<std::size_t>(length_);
  switch (rows_) {
    case 2:
      return add_bricks_2_2(terms.data(), stride, step, count, fields);
    case 3:
      return add_bricks_3_2(terms.data(), stride, step, count, fields);
    case 5:
      return add_bricks_5_3(terms.data(), stride, step, count, fields);
    default:
      return add_bricks_6_3(terms.data(), stride, step, count, fields);
  }
}

}  // namespace mesoglass::deformation
