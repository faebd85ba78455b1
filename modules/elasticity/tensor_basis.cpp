#include "elasticity/tensor_basis.hpp"

#include <cmath>
#include <cstddef>

namespace mesoglass::elasticity {

TensorBasis::TensorBasis(BasisKind kind, int dimensions) : kind_(kind), dimensions_(dimensions) {
  const auto add = [&](const Tensor& tensor) {
    const auto index = static_cast<std::size_t>(count_++);
    to_tensor_[index] = tensor;
    from_tensor_[index] = tensor;
    // The projection of an orthonormal basis is the full double dot: each stored shear stands for two entries.
    for (const int shear : {yz, xz, xy}) from_tensor_[index][static_cast<std::size_t>(shear)] *= 2.0;
  };
  if (kind == BasisKind::components) {
    for (int component = 0; component < tensor_components; ++component) {
      if (dimensions == 2 && (component == zz || component == yz || component == xz)) continue;
      Tensor unit{};
      unit[static_cast<std::size_t>(component)] = 1.0;
      to_tensor_[static_cast<std::size_t>(count_)] = unit;
      from_tensor_[static_cast<std::size_t>(count_)] = unit;
      ++count_;
    }
    return;
  }
  const double half = std::sqrt(0.5);
  const double sixth = std::sqrt(1.0 / 6.0);
  const double third = std::sqrt(1.0 / 3.0);
  add({half, -half, 0.0, 0.0, 0.0, 0.0});
  if (dimensions == 3) {
    add({-sixth, -sixth, 2.0 * sixth, 0.0, 0.0, 0.0});
    add({0.0, 0.0, 0.0, half, 0.0, 0.0});
    add({0.0, 0.0, 0.0, 0.0, half, 0.0});
  }
  add({0.0, 0.0, 0.0, 0.0, 0.0, half});
  if (kind == BasisKind::full) {
    if (dimensions == 3) {
      add({third, third, third, 0.0, 0.0, 0.0});
    } else {
      add({half, half, 0.0, 0.0, 0.0, 0.0});
    }
  }
}

Tensor TensorBasis::to_tensor(std::span<const double> row) const noexcept {
  Tensor tensor{};
  for (std::size_t index = 0; index < static_cast<std::size_t>(count_); ++index) {
    for (std::size_t component = 0; component < tensor_components; ++component) {
      tensor[component] += row[index] * to_tensor_[index][component];
    }
  }
  return tensor;
}

void TensorBasis::from_tensor(const Tensor& tensor, std::span<double> row) const noexcept {
  for (std::size_t index = 0; index < static_cast<std::size_t>(count_); ++index) {
    double value = 0.0;
    for (std::size_t component = 0; component < tensor_components; ++component) {
      value += from_tensor_[index][component] * tensor[component];
    }
    row[index] = value;
  }
}

int TensorBasis::mirror_sign(int index, int axis) const noexcept {
  for (std::size_t component = 0; component < tensor_components; ++component) {
    if (to_tensor_[static_cast<std::size_t>(index)][component] == 0.0) continue;
    const auto& axes = component_axes[component];
    return (axes[0] == axis) != (axes[1] == axis) ? -1 : 1;
  }
  return 1;
}

}  // namespace mesoglass::elasticity
