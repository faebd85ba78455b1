// How rows, voxels or work items are shared among ranks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass {

// A half-open range of items.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] std::int64_t size() const noexcept { return end - begin; }
  [[nodiscard]] bool contains(std::int64_t item) const noexcept { return item >= begin && item < end; }
};

// Contiguous block of `count` items owned by `rank` of `size`: sizes differ by at most one, earlier ranks take the
// larger ones; a rank beyond the number of items owns an empty range.
[[nodiscard]] inline Range block_of(std::int64_t count, int rank, int size) noexcept {
  const std::int64_t base = count / size;
  const std::int64_t extra = count % size;
  const std::int64_t begin = rank * base + std::min<std::int64_t>(rank, extra);
  return {begin, begin + base + (rank < extra ? 1 : 0)};
}

// The rank that owns `item` under block_of.
[[nodiscard]] inline int owner_of(std::int64_t item, std::int64_t count, int size) noexcept {
  const std::int64_t base = count / size;
  const std::int64_t extra = count % size;
  const std::int64_t boundary = extra * (base + 1);
  return static_cast<int>(item < boundary ? item / (base + 1)
                                          : extra + (item - boundary) / std::max<std::int64_t>(base, 1));
}

// Sum of one value a row over all ranks' rows, added in row order: the same bits on any number of ranks.
// `own` holds this rank's rows in order of its block. Collective.
[[nodiscard]] inline double fixed_order_sum(const Communicator& communicator, std::span<const double> own) {
  const auto all = communicator.all_gather(own);
  double total = 0.0;
  for (const double value : all) total += value;
  return total;
}

}  // namespace mesoglass
