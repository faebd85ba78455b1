// Symmetric tensors as rows of numbers: in components, or in an orthonormal basis whose coefficients make the tensor
// product a plain dot product.
#pragma once

#include <array>
#include <span>

namespace mesoglass::elasticity {

// Component order of every tensor field; shear is tensor shear. In two dimensions xx, yy, xy.
inline constexpr int xx = 0, yy = 1, zz = 2, yz = 3, xz = 4, xy = 5;
inline constexpr int tensor_components = 6;
using Tensor = std::array<double, tensor_components>;

// The two axes (0 = x, 1 = y, 2 = z) of a component.
inline constexpr std::array<std::array<int, 2>, tensor_components> component_axes = {
    {{0, 0}, {1, 1}, {2, 2}, {1, 2}, {0, 2}, {0, 1}}};
inline constexpr std::array<const char*, tensor_components> component_names = {"xx", "yy", "zz", "yz", "xz", "xy"};

// a : b with the full tensors (each shear counts twice).
[[nodiscard]] constexpr double double_dot(const Tensor& a, const Tensor& b) noexcept {
  return a[xx] * b[xx] + a[yy] * b[yy] + a[zz] * b[zz] + 2.0 * (a[yz] * b[yz] + a[xz] * b[xz] + a[xy] * b[xy]);
}

// How a field's rows are to be read.
//   components  two dimensions: xx, yy, xy; three: xx, yy, zz, yz, xz, xy
//   deviatoric  orthonormal, a : b = sum of products. Two dimensions, 2: (xx - yy)/sqrt 2, sqrt 2 xy.
//               Three, 5: (xx - yy)/sqrt 2, (2 zz - xx - yy)/sqrt 6, sqrt 2 yz, sqrt 2 xz, sqrt 2 xy.
//   full        deviatoric, then the dilatation: (xx + yy)/sqrt 2, or (xx + yy + zz)/sqrt 3.
enum class BasisKind { components, deviatoric, full };

// Conversions between rows of `count` numbers and tensors. In two dimensions the tensor's z components are zero.
class TensorBasis {
 public:
  TensorBasis(BasisKind kind, int dimensions);

  [[nodiscard]] BasisKind kind() const noexcept { return kind_; }
  [[nodiscard]] int dimensions() const noexcept { return dimensions_; }
  // 3 or 6, 2 or 5, 3 or 6.
  [[nodiscard]] int count() const noexcept { return count_; }

  // The tensor whose row has a one at `index` (components: a unit off-diagonal pair for shear).
  [[nodiscard]] const Tensor& tensor(int index) const noexcept { return to_tensor_[static_cast<std::size_t>(index)]; }
  // row[index] = sum over components c of projection(index)[c] * tensor[c].
  [[nodiscard]] const Tensor& projection(int index) const noexcept {
    return from_tensor_[static_cast<std::size_t>(index)];
  }
  [[nodiscard]] Tensor to_tensor(std::span<const double> row) const noexcept;
  void from_tensor(const Tensor& tensor, std::span<double> row) const noexcept;

  // How row `index` changes sign under the mirror that reverses `axis`: +1 or -1. (Rows are all even or odd.)
  [[nodiscard]] int mirror_sign(int index, int axis) const noexcept;

 private:
  BasisKind kind_;
  int dimensions_;
  int count_ = 0;
  std::array<Tensor, tensor_components> to_tensor_{};
  std::array<Tensor, tensor_components> from_tensor_{};
};

}  // namespace mesoglass::elasticity
