#include "deformation/connected_free_volume.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <tuple>
#include <unordered_map>

namespace mesoglass::deformation {

namespace {

// How often a voxel's copy lies beyond the periodic boundary, seen from another voxel of its cluster.
using Image = std::array<std::int16_t, 3>;

Image sum(const Image& a, const Image& b) {
  return {static_cast<std::int16_t>(a[0] + b[0]), static_cast<std::int16_t>(a[1] + b[1]),
          static_cast<std::int16_t>(a[2] + b[2])};
}
Image difference(const Image& a, const Image& b) {
  return {static_cast<std::int16_t>(a[0] - b[0]), static_cast<std::int16_t>(a[1] - b[1]),
          static_cast<std::int16_t>(a[2] - b[2])};
}

struct Cluster {
  std::int64_t root = 0;  // voxel of the whole grid that it is known by
  std::int64_t voxels = 0;
  std::int64_t lowest = 0;  // voxel of the whole grid
  std::array<bool, 3> percolates{};
};

// Clusters that grow together (union and find), with each member's image relative to its parent: where two ways to the
// same cluster differ by whole cells, the cluster meets its own image.
class Forest {
 public:
  explicit Forest(std::size_t count) : parent_(count), image_(count) {
    std::iota(parent_.begin(), parent_.end(), std::uint32_t{0});
  }

  struct Found {
    std::uint32_t root;
    Image image;  // relative to the root
  };
  Found find(std::uint32_t member) {
    std::uint32_t root = member;
    Image image{};
    while (parent_[root] != root) {
      image = sum(image, image_[root]);
      root = parent_[root];
    }
    for (Image rest = image; parent_[member] != root && member != root;) {
      const std::uint32_t next = parent_[member];
      const Image own = image_[member];
      parent_[member] = root;
      image_[member] = rest;
      rest = difference(rest, own);
      member = next;
    }
    return {root, image};
  }

  // Joins a and b, where b's image is a's plus `crossing`. `clusters` has a row for each member that may be a root.
  void join(std::uint32_t a, std::uint32_t b, const Image& crossing, std::vector<Cluster>& clusters) {
    const Found one = find(a);
    const Found other = find(b);
    // Image of the other root relative to the first.
    const Image apart = difference(sum(one.image, crossing), other.image);
    if (one.root == other.root) {
      for (std::size_t axis = 0; axis < 3; ++axis) {
        clusters[one.root].percolates[axis] = clusters[one.root].percolates[axis] || apart[axis] != 0;
      }
      return;
    }
    const bool keep_one = clusters[one.root].voxels >= clusters[other.root].voxels;
    const std::uint32_t root = keep_one ? one.root : other.root;
    const std::uint32_t joined = keep_one ? other.root : one.root;
    parent_[joined] = root;
    image_[joined] = keep_one ? apart : difference(Image{}, apart);
    clusters[root].voxels += clusters[joined].voxels;
    clusters[root].lowest = std::min(clusters[root].lowest, clusters[joined].lowest);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      clusters[root].percolates[axis] = clusters[root].percolates[axis] || clusters[joined].percolates[axis];
    }
  }

 private:
  std::vector<std::uint32_t> parent_;
  std::vector<Image> image_;
};

// What a rank tells of the voxels of its first slab, and what it finds where its last slab meets the next rank's.
struct FaceVoxel {
  std::int64_t root = -1;
  Image image{};
};
struct Bridge {
  std::int64_t from = 0;
  std::int64_t to = 0;
  Image apart{};
  bool operator==(const Bridge&) const = default;
};

void join_own_voxels(const VoxelGrid& grid, std::span<const std::uint8_t> carries, std::int64_t begin, Forest& forest,
                     std::vector<Cluster>& clusters) {
  const auto end = begin + static_cast<std::int64_t>(carries.size());
  const std::array<std::int64_t, 3> extent = {grid.nx, grid.ny, grid.nz};
  const std::size_t slab_axis = grid.dimensions() == 3 ? 2 : 1;
  for (std::int64_t voxel = begin; voxel < end; ++voxel) {
    const auto own = static_cast<std::size_t>(voxel - begin);
    if (carries[own] == 0) continue;
    const auto position = grid.coordinates(voxel);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (extent[axis] == 1) continue;
      auto neighbour = position;
      Image crossing{};
      if (++neighbour[axis] == extent[axis]) {
        if (axis == slab_axis) continue;  // the seam joins ranks, even one with itself
        neighbour[axis] = 0;
        crossing[axis] = 1;
      }
      const std::int64_t other = grid.index(neighbour[0], neighbour[1], neighbour[2]);
      if (other >= end || carries[static_cast<std::size_t>(other - begin)] == 0) continue;
      forest.join(static_cast<std::uint32_t>(own), static_cast<std::uint32_t>(other - begin), crossing, clusters);
    }
  }
}

// The bridges of this rank's last slab to the slab above, whose voxels `faces` describes (first slabs of all ranks that
// have any, in rank order).
std::vector<Bridge> bridges_upward(const Communicator& communicator, const VoxelGrid& grid,
                                   std::span<const std::uint8_t> carries, Forest& forest,
                                   const std::vector<Cluster>& clusters, const std::vector<FaceVoxel>& faces) {
  std::vector<Bridge> bridges;
  if (carries.empty()) return bridges;
  const auto slab_voxels = static_cast<std::size_t>(grid.voxels_per_slab());
  const std::size_t ranks = faces.size() / slab_voxels;
  const auto rank = static_cast<std::size_t>(communicator.rank());
  const std::size_t above = rank + 1 < ranks ? rank + 1 : 0;
  Image crossing{};
  crossing[grid.dimensions() == 3 ? 2 : 1] = above == 0 ? 1 : 0;
  for (std::size_t i = 0; i < slab_voxels; ++i) {
    const std::size_t own = carries.size() - slab_voxels + i;
    const FaceVoxel& other = faces[above * slab_voxels + i];
    if (carries[own] == 0 || other.root < 0) continue;
    const auto found = forest.find(static_cast<std::uint32_t>(own));
    bridges.push_back({clusters[found.root].root, other.root, difference(sum(found.image, crossing), other.image)});
  }
  const auto by_clusters = [](const Bridge& a, const Bridge& b) {
    return std::tie(a.from, a.to, a.apart) < std::tie(b.from, b.to, b.apart);
  };
  std::sort(bridges.begin(), bridges.end(), by_clusters);
  bridges.erase(std::unique(bridges.begin(), bridges.end()), bridges.end());
  return bridges;
}

}  // namespace

FreeVolumeClusters find_clusters(const Communicator& communicator, const VoxelGrid& grid,
                                 std::span<const std::uint8_t> carries) {
  const std::int64_t begin = grid.voxels_of(communicator.rank(), communicator.size()).begin;
  const auto slab_voxels = static_cast<std::size_t>(grid.voxels_per_slab());
  Forest forest(carries.size());
  std::vector<Cluster> clusters(carries.size());
  for (std::size_t own = 0; own < carries.size(); ++own) {
    const std::int64_t voxel = begin + static_cast<std::int64_t>(own);
    clusters[own] = {voxel, 1, voxel, {}};
  }
  join_own_voxels(grid, carries, begin, forest, clusters);

  std::vector<FaceVoxel> face(carries.empty() ? 0 : slab_voxels);
  for (std::size_t i = 0; i < face.size(); ++i) {
    if (carries[i] == 0) continue;
    const auto found = forest.find(static_cast<std::uint32_t>(i));
    face[i] = {clusters[found.root].root, found.image};
  }
  const auto faces = communicator.all_gather(std::span<const FaceVoxel>(face));
  const auto own_bridges = bridges_upward(communicator, grid, carries, forest, clusters, faces);
  const auto bridges = communicator.all_gather(std::span<const Bridge>(own_bridges));

  // Clusters that a bridge ends at are everybody's; their owners say what they are.
  std::unordered_map<std::int64_t, std::uint32_t> shared;  // by root
  std::vector<Cluster> own_shared;
  for (const Bridge& bridge : bridges) {
    for (const std::int64_t root : {bridge.from, bridge.to}) {
      const std::int64_t own = root - begin;
      if (!shared.emplace(root, 0).second || own < 0 || own >= static_cast<std::int64_t>(carries.size())) continue;
      own_shared.push_back(clusters[static_cast<std::size_t>(own)]);
    }
  }
  auto joined = communicator.all_gather(std::span<const Cluster>(own_shared));
  for (std::size_t row = 0; row < joined.size(); ++row) shared[joined[row].root] = static_cast<std::uint32_t>(row);
  Forest across(joined.size());
  for (const Bridge& bridge : bridges) {
    across.join(shared.at(bridge.from), shared.at(bridge.to), bridge.apart, joined);
  }

  FreeVolumeClusters result;
  std::vector<std::int64_t> own_sizes;
  Cluster largest;
  largest.lowest = std::numeric_limits<std::int64_t>::max();
  const auto consider = [&](const Cluster& cluster) {
    if (cluster.voxels > largest.voxels || (cluster.voxels == largest.voxels && cluster.lowest < largest.lowest)) {
      largest = cluster;
    }
  };
  for (std::size_t own = 0; own < carries.size(); ++own) {
    const auto member = static_cast<std::uint32_t>(own);
    if (carries[own] == 0 || forest.find(member).root != member || shared.contains(clusters[own].root)) continue;
    own_sizes.push_back(clusters[own].voxels);
    consider(clusters[own]);
  }
  std::sort(own_sizes.begin(), own_sizes.end());
  std::vector<std::array<std::int64_t, 2>> own_counts;
  for (const std::int64_t size : own_sizes) {
    if (own_counts.empty() || own_counts.back()[0] != size) own_counts.push_back({size, 0});
    ++own_counts.back()[1];
  }
  for (const auto& [size, number] : communicator.all_gather(std::span<const std::array<std::int64_t, 2>>(own_counts))) {
    result.distribution[size] += number;
  }
  for (const Cluster& best : communicator.all_gather(largest)) consider(best);
  for (std::uint32_t row = 0; row < joined.size(); ++row) {
    if (across.find(row).root != row) continue;
    ++result.distribution[joined[row].voxels];
    consider(joined[row]);
  }

  double voxels = 0.0;
  double squares = 0.0;
  for (const auto& [size, number] : result.distribution) {
    result.count += number;
    const auto s = static_cast<double>(size);
    voxels += s * static_cast<double>(number);
    squares += s * s * static_cast<double>(number);
  }
  if (voxels > 0.0) result.mean_voxels = squares / voxels;
  result.largest_voxels = largest.voxels;
  result.percolates = largest.percolates;
  result.largest.assign(carries.size(), 0);
  for (std::size_t own = 0; own < carries.size(); ++own) {
    if (carries[own] == 0) continue;
    std::int64_t root = clusters[forest.find(static_cast<std::uint32_t>(own)).root].root;
    if (const auto row = shared.find(root); row != shared.end()) root = joined[across.find(row->second).root].root;
    result.largest[own] = root == largest.root ? 1 : 0;
  }
  return result;
}

}  // namespace mesoglass::deformation
