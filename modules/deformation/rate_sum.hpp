// The sum of many rates and a choice in proportion to them, without rounding: the same bits in whatever order rates
// were set and however items are shared among ranks.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

namespace mesoglass::deformation {

__extension__ using WholeNumber = unsigned __int128;

// Rates are single-precision numbers, which are whole multiples of a unit of rate if the unit is small enough. It is
// chosen so small that the sum of all rates just fits into 126 bits; only rates below 2^24 units (for a million voxels
// and an attempt rate of 1e13 /s: 1e-8 /s) are rounded, up. Nothing here is collective.
class RateSum {
 public:
  // For `all_items` on all ranks together, none above `largest_rate`.
  RateSum(std::int64_t all_items, double largest_rate)
      : unit_exponent_(std::ilogb(largest_rate) + 1 + std::bit_width(static_cast<std::uint64_t>(all_items)) - 126) {}

  // Starts anew with these rates, which stay the caller's: they are read when choosing.
  void assign(std::span<const float> rates) {
    rates_ = rates;
    levels_.clear();
    std::size_t nodes = rates.size();
    do {
      nodes = (nodes + fan_out - 1) / fan_out;
      levels_.emplace_back(nodes, WholeNumber{0});
    } while (nodes > 1);
    for (std::size_t item = 0; item < rates.size(); ++item) change(item, units(rates[item]));
  }

  // The caller has changed the rate of an item.
  void changed(std::size_t item, float before) noexcept { change(item, units(rates_[item]) - units(before)); }

  [[nodiscard]] WholeNumber total() const noexcept {
    return levels_.back().empty() ? WholeNumber{0} : levels_.back().front();
  }
  // In 1/s.
  [[nodiscard]] double rate_of(WholeNumber sum) const noexcept {
    return std::ldexp(static_cast<double>(sum), unit_exponent_);
  }
  [[nodiscard]] double rate_of_item(std::size_t item) const noexcept { return rate_of(units(rates_[item])); }

  // The item within whose rate `position` (0 <= position < total) falls when rates are laid end to end in order.
  [[nodiscard]] std::size_t find(WholeNumber position) const noexcept {
    std::size_t node = 0;
    for (std::size_t level = levels_.size() - 1; level-- > 0;) {
      node *= fan_out;
      while (position >= levels_[level][node]) position -= levels_[level][node++];
    }
    std::size_t item = node * fan_out;
    for (;; ++item) {
      const WholeNumber own = units(rates_[item]);
      if (position < own) return item;
      position -= own;
    }
  }

  [[nodiscard]] std::size_t memory_bytes() const noexcept {
    std::size_t bytes = 0;
    for (const auto& level : levels_) bytes += level.capacity() * sizeof(WholeNumber);
    return bytes;
  }

 private:
  static constexpr std::size_t fan_out = 32;

  [[nodiscard]] WholeNumber units(float rate) const noexcept {
    constexpr int mantissa_bits = 23;
    constexpr int exponent_of_unit_mantissa = 127 + mantissa_bits;
    const auto bits = std::bit_cast<std::uint32_t>(rate);
    const auto mantissa = (bits & ((1U << mantissa_bits) - 1)) | (1U << mantissa_bits);
    const int shift = static_cast<int>(bits >> mantissa_bits) - exponent_of_unit_mantissa - unit_exponent_;
    if (shift >= 0) return static_cast<WholeNumber>(mantissa) << shift;
    return shift <= -mantissa_bits ? 1 : (mantissa >> -shift) + 1;
  }

  // Modulo 2^128, as are the sums.
  void change(std::size_t item, WholeNumber difference) noexcept {
    for (auto& level : levels_) {
      item /= fan_out;
      level[item] += difference;
    }
  }

  int unit_exponent_;  // one unit is 2^this per second
  std::span<const float> rates_;
  std::vector<std::vector<WholeNumber>> levels_;
};

}  // namespace mesoglass::deformation
