#include "diffraction/map_stack.hpp"

#include <algorithm>
#include <limits>

#include "core/error.hpp"
#include "diffraction/kernel_dispatch.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::size_t tile_patterns = 32;  // a cache line of 16-bit values

MESOGLASS_KERNEL float sum_of(const float* values, int count) {
  float lane[16] = {};
  int index = 0;
  for (; index + 16 <= count; index += 16) {
    for (int k = 0; k < 16; ++k) lane[k] += values[index + k];
  }
  float total = 0.0F;
  for (; index < count; ++index) total += values[index];
  for (const float part : lane) total += part;
  return total;
}

MESOGLASS_KERNEL void encode(const float* values, int count, float scale, std::uint16_t* stored) {
  for (int index = 0; index < count; ++index) {
    float level = values[index] * scale + (StoredIntensity::zero + 0.5F);
    level = level > 0.0F ? level : 0.0F;
    level = level < 65534.0F ? level : 65534.0F;
    stored[index] = static_cast<std::uint16_t>(static_cast<std::int32_t>(level));
  }
}

}  // namespace

void BinMaps::copy_map(int angle, std::span<float> map) const {
  for (const Part& part : parts_) {
    const auto count = static_cast<std::size_t>(part.rows.size() * nx_);
    const std::uint16_t* stored = values_.data() + part.offset + static_cast<std::size_t>(angle) * count;
    float* target = map.data() + part.rows.begin * nx_;
    for (std::size_t index = 0; index < count; ++index) {
      target[index] = stored[index] == StoredIntensity::missing ? std::numeric_limits<float>::quiet_NaN()
                                                                : StoredIntensity::decode(stored[index]);
    }
  }
}

MapStack::MapStack(const PolarGrid& grid, Range bins, Range rows, std::int64_t scan_ny, std::int64_t scan_nx)
    : grid_(grid),
      bins_(bins),
      rows_(rows),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      samples_(static_cast<std::size_t>(bins.size()) * static_cast<std::size_t>(grid.angles)),
      values_(samples_ * static_cast<std::size_t>(rows.size() * scan_nx), StoredIntensity::missing),
      tile_(samples_ * tile_patterns) {
  tile_columns_.reserve(tile_patterns);
}

double MapStack::bytes_per_bin(const PolarGrid& grid, std::int64_t rows, std::int64_t scan_nx) noexcept {
  return static_cast<double>(sizeof(std::uint16_t)) * grid.angles * static_cast<double>(rows) *
         static_cast<double>(scan_nx);
}

void MapStack::add(std::int64_t row, std::int64_t column, std::span<const float> polar,
                   const InterpolationTable& table) {
  if (row != tile_row_ || tile_columns_.size() == tile_patterns) {
    flush();
    tile_row_ = row;
  }
  std::uint16_t* stored = tile_.data() + tile_columns_.size() * samples_;
  tile_columns_.push_back(column);
  const auto angles = static_cast<std::size_t>(grid_.angles);
  for (std::int64_t bin = bins_.begin; bin < bins_.end; ++bin) {
    const float* values = polar.data() + static_cast<std::size_t>(bin) * angles;
    std::uint16_t* target = stored + static_cast<std::size_t>(bin - bins_.begin) * angles;
    const int valid = table.valid_angles(static_cast<int>(bin));
    const float sum = sum_of(values, grid_.angles);
    if (valid == 0 || !(sum > 0.0F)) {
      std::fill(target, target + angles, StoredIntensity::missing);
      continue;
    }
    encode(values, grid_.angles, static_cast<float>(valid) / (sum * StoredIntensity::step), target);
  }
  const auto first = static_cast<std::uint32_t>(static_cast<std::size_t>(bins_.begin) * angles);
  for (const std::uint32_t sample : table.missing_samples()) {
    if (sample >= first && sample - first < samples_) stored[sample - first] = StoredIntensity::missing;
  }
}

void MapStack::flush() {
  if (tile_columns_.empty()) return;
  const auto per_map = static_cast<std::size_t>(rows_.size() * scan_nx_);
  const auto row_start = static_cast<std::size_t>((tile_row_ - rows_.begin) * scan_nx_);
  const std::size_t count = tile_columns_.size();
  constexpr std::size_t block = 32;  // samples: a cache line of every tile line
  for (std::size_t first = 0; first < samples_; first += block) {
    const std::size_t last = std::min(first + block, samples_);
    for (std::size_t sample = first; sample < last; ++sample) {
      std::uint16_t* line = values_.data() + sample * per_map + row_start;
      const std::uint16_t* source = tile_.data() + sample;
      for (std::size_t pattern = 0; pattern < count; ++pattern) {
        line[tile_columns_[pattern]] = source[pattern * samples_];
      }
    }
  }
  tile_columns_.clear();
}

std::vector<BinMaps> MapStack::exchange(const Communicator& communicator, int first,
                                        std::span<const Range> row_ranges) const {
  const int ranks = communicator.size();
  const auto per_row = static_cast<std::int64_t>(grid_.angles) * scan_nx_;
  std::vector<int> send_counts(static_cast<std::size_t>(ranks), 0);
  std::vector<int> send_offsets(static_cast<std::size_t>(ranks), 0);
  std::vector<int> receive_counts(static_cast<std::size_t>(ranks), 0);
  std::vector<int> receive_offsets(static_cast<std::size_t>(ranks), 0);
  const auto bins_here = [&](int rank) { return first + rank < bins_.end; };
  // Counts are int in MPI 3 and reach 2^31 values only for scans beyond 4,000 x 4,000 positions a bin.
  if (static_cast<double>(per_row) * static_cast<double>(scan_ny_) * ranks > std::numeric_limits<int>::max()) {
    throw failure("a scan of {} x {} positions has too many map points for one exchange: use fewer --angles", scan_ny_,
                  scan_nx_);
  }
  std::vector<BinMaps> result;
  const bool receives = bins_here(communicator.rank());
  if (receives) result.emplace_back(first + communicator.rank(), grid_.angles, scan_ny_, scan_nx_);
  std::int64_t received = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto place = static_cast<std::size_t>(rank);
    if (bins_here(rank)) {
      send_counts[place] = static_cast<int>(per_row * rows_.size());
      send_offsets[place] = static_cast<int>(rank * per_row * rows_.size());
    }
    if (receives) {
      receive_counts[place] = static_cast<int>(per_row * row_ranges[place].size());
      receive_offsets[place] = static_cast<int>(received);
      result.front().parts_.push_back({row_ranges[place], static_cast<std::size_t>(received)});
      received += per_row * row_ranges[place].size();
    }
  }
  if (receives) result.front().values_.resize(static_cast<std::size_t>(received));
  const std::uint16_t* start =
      values_.data() + static_cast<std::size_t>((first - bins_.begin) * per_row * rows_.size());
  check_mpi(MPI_Alltoallv(start, send_counts.data(), send_offsets.data(), MPI_UINT16_T,
                          receives ? result.front().values_.data() : nullptr, receive_counts.data(),
                          receive_offsets.data(), MPI_UINT16_T, communicator.get()),
            "MPI_Alltoallv");
  return result;
}

}  // namespace mesoglass::diffraction
