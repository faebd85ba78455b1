#include "diffraction/type_maps.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mesoglass::diffraction {

TypeMaps::TypeMaps(std::vector<TypeUnmixing> unmixing, const PolarGrid& grid, Range rows, std::int64_t scan_ny,
                   std::int64_t scan_nx)
    : unmixing_(std::move(unmixing)),
      grid_(grid),
      rows_(rows),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      common_(unmixing_.size(), std::vector<float>(static_cast<std::size_t>(rows.size() * scan_nx), 0.0F)) {}

void TypeMaps::add(std::unique_ptr<MapStack> band) {
  const Range bins = band->bins();
  for (auto bin = static_cast<int>(bins.begin); bin < bins.end; ++bin) {
    const auto weight_of = [&](std::size_t kind) {
      return static_cast<float>(unmixing_[kind].common[static_cast<std::size_t>(bin)]);
    };
    bool used = false;
    for (std::size_t kind = 0; kind < common_.size(); ++kind) used = used || weight_of(kind) != 0.0F;
    if (!used) continue;
    const std::vector<float> means = band->ring_means(bin);
    for (std::size_t kind = 0; kind < common_.size(); ++kind) {
      const float weight = weight_of(kind);
      for (std::size_t i = 0; i < means.size(); ++i) common_[kind][i] += weight * (means[i] - 1.0F);
    }
  }
  if (bins.size() == grid_.bins) {
    for (const TypeUnmixing& unmixing : unmixing_) bins_.push_back(unmixing.bin);
    maps_ = std::move(band);
    return;
  }
  if (!maps_) {
    const Range kinds{0, static_cast<std::int64_t>(unmixing_.size())};
    maps_ = std::make_unique<MapStack>(grid_, kinds, rows_, scan_ny_, scan_nx_, std::vector<double>{});
    for (auto kind = kinds.begin; kind < kinds.end; ++kind) bins_.push_back(static_cast<int>(kind));
  }
  for (std::size_t kind = 0; kind < unmixing_.size(); ++kind) {
    if (!bins.contains(unmixing_[kind].bin)) continue;
    const auto from = static_cast<const MapStack&>(*band).stored(unmixing_[kind].bin);
    std::copy(from.begin(), from.end(), maps_->stored(bins_[kind]).begin());
  }
}

void TypeMaps::unmix() {
  const std::size_t kinds = unmixing_.size();
  const std::size_t positions = common_.front().size();
  std::vector<float> weights;
  for (const TypeUnmixing& unmixing : unmixing_) {
    for (const double weight : unmixing.weights) weights.push_back(static_cast<float>(weight));
  }
  std::vector<std::vector<float>> maps(kinds, std::vector<float>(positions));
  std::vector<float> sum(positions);
  for (int angle = 0; angle < grid_.angles; ++angle) {
    const std::size_t offset = static_cast<std::size_t>(angle) * positions;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      best_kernels().decode(maps_->stored(bins_[kind]).data() + offset, positions, StoredIntensity::zero,
                            StoredIntensity::step, nullptr, maps[kind].data());
    }
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      for (std::size_t i = 0; i < positions; ++i) sum[i] = 1.0F - common_[kind][i];
      for (std::size_t other = 0; other < kinds; ++other) {
        const float weight = weights[kind * kinds + other];
        const float* map = maps[other].data();
        for (std::size_t i = 0; i < positions; ++i) sum[i] += weight * (map[i] - 1.0F);
      }
      std::uint16_t* target = maps_->stored(bins_[kind]).data() + offset;
      for (std::size_t i = 0; i < positions; ++i) target[i] = StoredIntensity::encode(sum[i]);
    }
  }
}

std::vector<BinMaps> TypeMaps::exchange(const Communicator& communicator, int first,
                                        std::span<const Range> row_ranges) const {
  const auto begin = static_cast<std::size_t>(first);
  const auto rest = std::span<const int>(bins_).subspan(begin);
  return maps_->exchange(communicator, rest.first(std::min(rest.size(), static_cast<std::size_t>(communicator.size()))),
                         row_ranges);
}

}  // namespace mesoglass::diffraction
