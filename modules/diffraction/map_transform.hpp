// Lengths and steps of the Fourier transforms of maps.
#pragma once

#include <vector>

#include "diffraction/aligned_values.hpp"
#include "diffraction/lane_kernels.hpp"

namespace mesoglass::diffraction {

// What a transform of `length` needs, a product of 2, 3, 5 that is not prime. Throws std::logic_error for others.
template <typename Scalar>
class MapTransform {
 public:
  explicit MapTransform(int length);
  // Valid as long as this object stays where it is.
  [[nodiscard]] TransformSteps<Scalar> steps() const noexcept {
    return {length_, static_cast<int>(radices_.size()), radices_.data(), twiddles_.data()};
  }
  [[nodiscard]] int length() const noexcept { return length_; }

 private:
  int length_;
  std::vector<int> radices_;
  AlignedValues<Scalar> twiddles_;
};

// Shape of the padded transform of a map, at least (height, width), that costs least. Pure.
struct TransformShape {
  int height = 0;
  int width = 0;
};
[[nodiscard]] TransformShape choose_transform_shape(int map_height, int least_height, int least_width);

}  // namespace mesoglass::diffraction
