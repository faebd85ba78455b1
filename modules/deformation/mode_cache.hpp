// Modes of the voxels that were looked at last, so that they need not be drawn anew at every look.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mesoglass::deformation {

// One place for many voxels: a newcomer replaces whoever was there. What is kept is a pure function of (voxel,
// generation), so nothing that a run computes depends on what the cache holds.
class ModeCache {
 public:
  ModeCache(std::size_t places, std::size_t doubles_a_place)
      : stride_(doubles_a_place), keys_(places, no_key), values_(places * doubles_a_place) {}

  // The place of a voxel in a generation; `filled` tells whether it holds that voxel's modes already. Where not, the
  // caller fills it at once.
  [[nodiscard]] double* find(std::size_t voxel, std::uint32_t generation, bool& filled) noexcept {
    const std::uint64_t key = (static_cast<std::uint64_t>(voxel) << 32) | generation;
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4) scatters neighbouring voxels.
    const std::size_t place =
        static_cast<std::size_t>((static_cast<std::uint64_t>(voxel) * 0x9E3779B97F4A7C15ULL) >> 32) % keys_.size();
    filled = keys_[place] == key;
    keys_[place] = key;
    return values_.data() + place * stride_;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    return keys_.capacity() * sizeof(std::uint64_t) + values_.capacity() * sizeof(double);
  }

 private:
  static constexpr std::uint64_t no_key = ~std::uint64_t{0};
  std::size_t stride_;
  std::vector<std::uint64_t> keys_;
  std::vector<double> values_;
};

}  // namespace mesoglass::deformation
