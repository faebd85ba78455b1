#include "elasticity/element_rows.hpp"

#include <algorithm>

namespace mesoglass::elasticity {

namespace {

// Vectors of the widest registers, chosen at run time; elsewhere the compiler takes them apart.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define MESOGLASS_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MESOGLASS_VECTOR_CLONES
#endif

constexpr std::int64_t lanes = 8;

struct RowArguments {
  const double* nodal;  // mode m across x (bit 0: y, bit 1: z) of axis i at nodal + (m * freedoms + i) * stride
  double* low;          // forces on an element's low nodes, the same way
  double* high;         // and on its high nodes
  const double* lambda;
  const double* shear;
  std::int64_t padded_count;  // a multiple of `lanes`
  std::int64_t stride;
  std::array<double, 3> gradient;
  double volume;
  std::array<std::array<double, 3>, 3> uniform;
};

// Modes are sets of axes: bit 0 x, bit 1 y, bit 2 z; the mode's function is the product of those coordinates in
// [-1, 1]. d_p of mode m is 2 / edge_p times mode m without p, if p is in m; the square of a mode integrates to
// volume / 3^(number of axes).
template <int axes, int freedoms>
[[gnu::always_inline]] inline void forces_of_row(const RowArguments& row) {
  constexpr int across = 1 << (axes - 1);  // modes across x
  constexpr int modes = 1 << axes;
  using Lanes [[gnu::vector_size(8 * lanes), gnu::aligned(8), gnu::may_alias]] = double;
  const double normalisation = 1.0 / modes;
  for (std::int64_t x = 0; x < row.padded_count; x += lanes) {
    Lanes u[modes][freedoms];
    Lanes f[modes][freedoms];
#pragma GCC unroll 4
    for (int m = 0; m < across; ++m) {
#pragma GCC unroll 3
      for (int i = 0; i < freedoms; ++i) {
        const double* from = row.nodal + (m * freedoms + i) * row.stride + x;
        const Lanes low = *reinterpret_cast<const Lanes*>(from);
        const Lanes high = *reinterpret_cast<const Lanes*>(from + 1);
        u[2 * m][i] = (low + high) * normalisation;
        u[2 * m + 1][i] = (high - low) * normalisation;
        f[2 * m][i] = Lanes{};
        f[2 * m + 1][i] = Lanes{};
      }
    }
    const Lanes lambda = *reinterpret_cast<const Lanes*>(row.lambda + x);
    const Lanes shear = *reinterpret_cast<const Lanes*>(row.shear + x);
#pragma GCC unroll 8
    for (int k = 0; k < modes - 1; ++k) {  // strain in the mode k
      double weight = row.volume;
#pragma GCC unroll 3
      for (int p = 0; p < axes; ++p) weight *= ((k >> p) & 1) != 0 ? 1.0 / 3.0 : 1.0;
      Lanes g[3][3];
      Lanes trace = Lanes{};
#pragma GCC unroll 3
      for (int p = 0; p < 3; ++p) {
#pragma GCC unroll 3
        for (int i = 0; i < 3; ++i) {
          if (p < axes && i < freedoms && ((k >> p) & 1) == 0) {
            g[p][i] = u[k | (1 << p)][i] * row.gradient[p];
          } else {
            g[p][i] = Lanes{};
          }
          if (k == 0 && p < freedoms && i < freedoms) g[p][i] += row.uniform[p][i];
        }
        trace += g[p][p];
      }
      const Lanes pressure = lambda * trace;
#pragma GCC unroll 3
      for (int p = 0; p < axes; ++p) {
        if (((k >> p) & 1) != 0) continue;
        const double scale = weight * row.gradient[p];
#pragma GCC unroll 3
        for (int i = 0; i < freedoms; ++i) {
          Lanes stress = shear * (g[p][i] + g[i][p]);
          if (i == p) stress += pressure;
          f[k | (1 << p)][i] += stress * scale;
        }
      }
    }
#pragma GCC unroll 4
    for (int m = 0; m < across; ++m) {
#pragma GCC unroll 3
      for (int i = 0; i < freedoms; ++i) {
        const std::int64_t to = (m * freedoms + i) * row.stride + x;
        *reinterpret_cast<Lanes*>(row.low + to) = (f[2 * m][i] - f[2 * m + 1][i]) * normalisation;
        *reinterpret_cast<Lanes*>(row.high + to) = (f[2 * m][i] + f[2 * m + 1][i]) * normalisation;
      }
    }
  }
}

MESOGLASS_VECTOR_CLONES void forces_solid(const RowArguments& row) {
  forces_of_row<3, 3>(row);
}
MESOGLASS_VECTOR_CLONES void forces_flat_solid(const RowArguments& row) {
  forces_of_row<2, 3>(row);
}
MESOGLASS_VECTOR_CLONES void forces_plane(const RowArguments& row) {
  forces_of_row<2, 2>(row);
}

// Modes across x of the node rows, and back.
template <int rows, int freedoms>
void to_modes(const std::array<const double*, 4>& from, std::int64_t offset, std::int64_t stride, double* to) {
  for (int i = 0; i < freedoms; ++i) {
    const double a = from[0][offset + i];
    const double b = from[1][offset + i];
    if constexpr (rows == 2) {
      to[i * stride] = a + b;
      to[(freedoms + i) * stride] = b - a;
    } else {
      const double c = from[2][offset + i];
      const double d = from[3][offset + i];
      to[i * stride] = (a + b) + (c + d);
      to[(freedoms + i) * stride] = (b - a) + (d - c);
      to[(2 * freedoms + i) * stride] = (c + d) - (a + b);
      to[(3 * freedoms + i) * stride] = (d - c) - (b - a);
    }
  }
}

template <int rows, int freedoms>
void add_modes(const double* from, std::int64_t stride, const std::array<double*, 4>& to, std::int64_t offset) {
  for (int i = 0; i < freedoms; ++i) {
    const double constant = from[i * stride];
    const double y = from[(freedoms + i) * stride];
    if constexpr (rows == 2) {
      to[0][offset + i] += constant - y;
      to[1][offset + i] += constant + y;
    } else {
      const double z = from[(2 * freedoms + i) * stride];
      const double yz = from[(3 * freedoms + i) * stride];
      to[0][offset + i] += (constant - y) - (z - yz);
      to[1][offset + i] += (constant + y) - (z + yz);
      to[2][offset + i] += (constant - y) + (z - yz);
      to[3][offset + i] += (constant + y) + (z + yz);
    }
  }
}

}  // namespace

ElementRows::ElementRows(const VoxelGrid& grid, Body body)
    : axes_(grid.nz == 1 ? 2 : 3), freedoms_(dimensions_of(body)), volume_(grid.voxel_volume_nm3()) {
  for (std::size_t axis = 0; axis < 3; ++axis) gradient_[axis] = 2.0 / grid.voxel_size_nm[axis];
}

void ElementRows::add_forces(const std::array<const double*, 4>& displacement, const std::array<double*, 4>& force,
                             const double* lambda, const double* shear, std::int64_t count, std::int64_t end_offset,
                             const Tensor& uniform) {
  const std::int64_t padded = (count + lanes - 1) / lanes * lanes;
  const std::int64_t stride = padded + lanes;
  const auto size = static_cast<std::size_t>((axes_ == 3 ? 4 : 2) * freedoms_ * stride);
  if (nodal_.size() != size) {
    nodal_.assign(size, 0.0);
    element_.assign(2 * size, 0.0);
    moduli_.assign(static_cast<std::size_t>(2 * padded), 0.0);
  }
  std::copy_n(lambda, count, moduli_.begin());
  std::copy_n(shear, count, moduli_.begin() + padded);
  double* const low = element_.data();
  double* const high = low + size;
  const RowArguments row{nodal_.data(),
                         low,
                         high,
                         moduli_.data(),
                         moduli_.data() + padded,
                         padded,
                         stride,
                         gradient_,
                         volume_,
                         {{{uniform[xx], uniform[xy], uniform[xz]},
                           {uniform[xy], uniform[yy], uniform[yz]},
                           {uniform[xz], uniform[yz], uniform[zz]}}}};
  const auto run = [&]<int rows, int freedoms>(void (*forces)(const RowArguments&)) {
    for (std::int64_t x = 0; x < count; ++x) {
      to_modes<rows, freedoms>(displacement, x * freedoms, stride, nodal_.data() + x);
    }
    to_modes<rows, freedoms>(displacement, end_offset, stride, nodal_.data() + count);
    forces(row);
    // A node's force: from the element before it and the one behind.
    for (int line = 0; line < rows * freedoms; ++line) {
      double* own = low + line * stride;
      const double* before = high + line * stride;
      own[count] = 0.0;
      for (std::int64_t x = 1; x <= count; ++x) own[x] += before[x - 1];
    }
    for (std::int64_t x = 0; x < count; ++x) add_modes<rows, freedoms>(low + x, stride, force, x * freedoms);
    add_modes<rows, freedoms>(low + count, stride, force, end_offset);
  };
  if (axes_ == 3) {
    run.template operator()<4, 3>(forces_solid);
  } else if (freedoms_ == 3) {
    run.template operator()<2, 3>(forces_flat_solid);
  } else {
    run.template operator()<2, 2>(forces_plane);
  }
}

}  // namespace mesoglass::elasticity
