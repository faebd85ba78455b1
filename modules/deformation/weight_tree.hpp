// Integer weights of many items with a fast sum and a fast choice in proportion to them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace mesoglass::deformation {

// Sums are exact, so they do not depend on the order in which weights were set or on how items are shared among ranks.
// All weights together must stay below 2^63.
class WeightTree {
 public:
  explicit WeightTree(std::size_t items) {
    std::size_t nodes = items;
    do {
      levels_.emplace_back(nodes, 0);
      nodes = (nodes + fan_out - 1) / fan_out;
    } while (levels_.back().size() > 1);
  }

  [[nodiscard]] std::uint64_t total() const noexcept { return levels_.back().empty() ? 0 : levels_.back().front(); }
  [[nodiscard]] std::uint64_t weight(std::size_t item) const noexcept { return levels_.front()[item]; }

  void set(std::size_t item, std::uint64_t weight) noexcept {
    const std::uint64_t change = weight - levels_.front()[item];  // modulo 2^64, as are the sums
    if (change == 0) return;
    for (auto& level : levels_) {
      level[item] += change;
      item /= fan_out;
    }
  }

  // The item within whose weight `position` (0 <= position < total) falls when weights are laid end to end in order.
  [[nodiscard]] std::size_t find(std::uint64_t position) const noexcept {
    std::size_t item = 0;
    for (std::size_t level = levels_.size() - 1; level-- > 0;) {
      item *= fan_out;
      while (position >= levels_[level][item]) position -= levels_[level][item++];
    }
    return item;
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const auto& level : levels_) bytes += level.capacity() * sizeof(std::uint64_t);
    return bytes;
  }

 private:
  static constexpr std::size_t fan_out = 32;
  std::vector<std::vector<std::uint64_t>> levels_;  // items first
};

}  // namespace mesoglass::deformation
