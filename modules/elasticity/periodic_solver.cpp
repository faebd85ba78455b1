#include "elasticity/periodic_solver.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>

namespace mesoglass::elasticity {

namespace {

using Rows = std::array<std::complex<double>, tensor_components>;

ComplexTensor tensor_of(const TensorBasis& basis, const Rows& rows) {
  ComplexTensor tensor{};
  for (int row = 0; row < basis.count(); ++row) {
    const Tensor& unit = basis.tensor(row);
    for (std::size_t c = 0; c < tensor_components; ++c) tensor[c] += unit[c] * rows[static_cast<std::size_t>(row)];
  }
  return tensor;
}

Rows rows_of(const TensorBasis& basis, const ComplexTensor& tensor) {
  Rows rows{};
  for (int row = 0; row < basis.count(); ++row) {
    const Tensor& projection = basis.projection(row);
    for (std::size_t c = 0; c < tensor_components; ++c)
      rows[static_cast<std::size_t>(row)] += projection[c] * tensor[c];
  }
  return rows;
}

// The largest number of values up to `values` that are whole lines along the slab axis.
std::size_t whole_lines(std::size_t values, const VoxelGrid& grid) noexcept {
  const auto line = static_cast<std::size_t>(grid.slab_count());
  return values / line * line;
}

}  // namespace

PeriodicSolver::PeriodicSolver(const Communicator& communicator, const VoxelGrid& grid, const IsotropicModuli& moduli,
                               const TensorBasis& basis)
    : moduli_(moduli),
      basis_(basis),
      operator_(grid, moduli),
      communicator_(communicator),
      transform_(communicator, grid),
      values_in_stress_(std::min(transform_.spectrum_size(), whole_lines(transform_.own_voxel_count() / 2, grid))),
      remainders_(static_cast<std::size_t>(basis.count()),
                  ComplexBuffer(transform_.spectrum_size() - values_in_stress_)) {
  if (basis.dimensions() != moduli.dimensions) throw std::logic_error("basis and moduli differ in dimensions");
}

std::size_t PeriodicSolver::memory_bytes() const noexcept {
  std::size_t bytes = transform_.memory_bytes();
  for (const auto& spectrum : remainders_) bytes += spectrum.size() * sizeof(std::complex<double>);
  return bytes;
}

SpectrumParts PeriodicSolver::spectrum_of(std::size_t row, std::span<double> stress) {
  auto* head = reinterpret_cast<std::complex<double>*>(stress.data() + row * own_voxel_count());
  return {std::span(head, values_in_stress_), remainders_[row]};
}

Means PeriodicSolver::solve(std::span<const double> eigenstrain, const MeanConditions& conditions,
                            const Results& results) {
  const std::size_t voxels = own_voxel_count();
  const auto count = static_cast<std::size_t>(basis_.count());
  if (eigenstrain.size() != count * voxels || results.stress.size() != count * voxels ||
      (results.strain && (results.strain->size() != count * voxels || basis_.kind() == BasisKind::deviatoric)) ||
      (results.displacement && results.displacement->size() != 3 * voxels)) {
    throw std::logic_error("field sizes do not suit the solver");
  }
  std::vector<SpectrumParts> spectra;
  for (std::size_t row = 0; row < count; ++row) {
    spectra.push_back(spectrum_of(row, results.stress));
    transform_.forward(eigenstrain.subspan(row * voxels, voxels), spectra[row]);
  }

  // The zero frequency (rank 0's first value) is the sum over all voxels, summed in the transform's fixed order.
  std::array<double, tensor_components> sums{};
  if (communicator_.is_root()) {
    for (std::size_t row = 0; row < count; ++row) sums[row] = spectra[row][0].real();
  }
  communicator_.broadcast(std::span<double>(sums));
  const auto total = static_cast<double>(transform_.grid().voxel_count());
  for (double& sum : sums) sum /= total;
  const Means means =
      homogeneous_means(moduli_, conditions, basis_.to_tensor(std::span<const double>(sums.data(), count)));
  ComplexTensor mean_stress;
  for (std::size_t c = 0; c < tensor_components; ++c) mean_stress[c] = means.stress[c] * total;

  const auto rows_at = [&](std::size_t index) {
    Rows rows{};
    for (std::size_t row = 0; row < count; ++row) rows[row] = spectra[row][index];
    return rows;
  };
  if (results.displacement) {
    std::array<ComplexBuffer, 3> displacement;
    for (auto& component : displacement) component.resize(transform_.spectrum_size());
    transform_.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
      const ComplexVector u =
          operator_.displacement(x, y, z, operator_.polarisation(tensor_of(basis_, rows_at(index))));
      for (std::size_t axis = 0; axis < 3; ++axis) displacement[axis][index] = u[axis];
    });
    for (std::size_t axis = 0; axis < 3; ++axis) {
      transform_.backward(displacement[axis], results.displacement->subspan(axis * voxels, voxels));
    }
  }

  transform_.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
    const bool mean = x == 0 && y == 0 && z == 0;
    const ComplexTensor stress = mean ? mean_stress : operator_.stress(x, y, z, tensor_of(basis_, rows_at(index)));
    const Rows rows = rows_of(basis_, stress);
    for (std::size_t row = 0; row < count; ++row) spectra[row][index] = rows[row];
  });
  for (std::size_t row = 0; row < count; ++row) {
    transform_.backward(spectra[row], results.stress.subspan(row * voxels, voxels));
  }
  if (!results.strain) return means;

  // The medium is homogeneous, so an element's mean strain follows from its mean stress: eps = S : sigma + eps*.
  std::array<double, tensor_components> row_values{};
  const std::span<double> own_row(row_values.data(), count);
  for (std::size_t voxel = 0; voxel < voxels; ++voxel) {
    for (std::size_t row = 0; row < count; ++row) own_row[row] = results.stress[row * voxels + voxel];
    basis_.from_tensor(elastic_strain_of(moduli_, basis_.to_tensor(own_row)), own_row);
    for (std::size_t row = 0; row < count; ++row) {
      (*results.strain)[row * voxels + voxel] = own_row[row] + eigenstrain[row * voxels + voxel];
    }
  }
  return means;
}

}  // namespace mesoglass::elasticity
