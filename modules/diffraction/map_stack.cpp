#include "diffraction/map_stack.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>

#include "core/error.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::size_t tile_patterns = 32;  // a cache line of 16-bit values

// Means over `angles` maps of means.size() positions each, one after the other; NaN where none has a value.
void mean_over_maps(const std::uint16_t* maps, int angles, std::span<float> means) {
  constexpr std::size_t piece = 4096;  // whose sums stay in the fastest cache
  std::array<std::uint32_t, piece> sums, present;
  for (std::size_t first = 0; first < means.size(); first += piece) {
    const std::size_t count = std::min(piece, means.size() - first);
    sums.fill(0);
    present.fill(0);
    for (int angle = 0; angle < angles; ++angle) {
      best_kernels().add_stored(maps + static_cast<std::size_t>(angle) * means.size() + first, count, sums.data(),
                                present.data());
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto mean = static_cast<float>(static_cast<double>(sums[i]) / present[i]);
      means[first + i] = present[i] == 0 ? std::numeric_limits<float>::quiet_NaN()
                                         : (mean - StoredIntensity::zero) * StoredIntensity::step;
    }
  }
}

}  // namespace

ZeroedMemory::ZeroedMemory(std::size_t values) : bytes_(std::max<std::size_t>(1, values * sizeof(std::uint16_t))) {
  void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  (void)::madvise(memory, bytes_, MADV_HUGEPAGE);  // only advice
  values_ = static_cast<std::uint16_t*>(memory);
}

ZeroedMemory::~ZeroedMemory() {
  ::munmap(values_, bytes_);
}

void BinMaps::copy_map(int angle, std::span<float> map, std::span<const float> factors) const {
  for (const Part& part : parts_) {
    const auto count = static_cast<std::size_t>(part.rows.size() * nx_);
    const std::int64_t first = part.rows.begin * nx_;
    best_kernels().decode(values_ + part.offset + static_cast<std::size_t>(angle) * count, count, StoredIntensity::zero,
                          StoredIntensity::step, factors.empty() ? nullptr : factors.data() + first,
                          map.data() + first);
  }
}

void BinMaps::copy_row(int angle, std::int64_t y, std::span<float> row, std::span<const float> factors) const {
  const auto part = std::find_if(parts_.begin(), parts_.end(), [&](const Part& own) { return y < own.rows.end; });
  const std::int64_t first = angle * part->rows.size() + y - part->rows.begin;
  best_kernels().decode(values_ + part->offset + static_cast<std::size_t>(first * nx_), row.size(),
                        StoredIntensity::zero, StoredIntensity::step, factors.data(), row.data());
}

std::vector<float> BinMaps::mean_over_angles() const {
  std::vector<float> means(static_cast<std::size_t>(ny_ * nx_), std::numeric_limits<float>::quiet_NaN());
  for (const Part& part : parts_) {
    mean_over_maps(values_ + part.offset, angles_,
                   std::span<float>(means).subspan(static_cast<std::size_t>(part.rows.begin * nx_),
                                                   static_cast<std::size_t>(part.rows.size() * nx_)));
  }
  return means;
}

MapStack::MapStack(const PolarGrid& grid, Range bins, Range rows, std::int64_t scan_ny, std::int64_t scan_nx,
                   std::vector<double> expected)
    : grid_(grid),
      bins_(bins),
      rows_(rows),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      samples_(static_cast<std::size_t>(bins.size()) * static_cast<std::size_t>(grid.angles)),
      values_(samples_ * static_cast<std::size_t>(rows.size() * scan_nx)),
      tile_(samples_ * tile_patterns),
      expected_(std::move(expected)) {
  tile_columns_.reserve(tile_patterns);
}

double MapStack::bytes_per_bin(const PolarGrid& grid, std::int64_t rows, std::int64_t scan_nx) noexcept {
  return static_cast<double>(sizeof(std::uint16_t)) * grid.angles * static_cast<double>(rows) *
         static_cast<double>(scan_nx);
}

void MapStack::begin(std::int64_t row, std::span<const std::int64_t> columns, std::span<const double> references,
                     const LaneKernels& kernels) {
  if (row != tile_row_ || tile_columns_.size() + static_cast<std::size_t>(kernels.lanes) > tile_patterns) {
    flush();
    tile_row_ = row;
  }
  batch_begin_ = tile_columns_.size();
  tile_columns_.insert(tile_columns_.end(), columns.begin(), columns.end());
  std::copy(references.begin(), references.end(), references_.begin());
}

void MapStack::add_bin(int bin, const float* values, const LaneKernels& kernels) {
  // A pattern without intensity is missing: 0 * value + 0, not lifted to 1.
  std::array<float, most_lanes> scale{};
  std::array<float, most_lanes> offset{};
  std::array<float, most_lanes> lowest{};
  const std::size_t count = tile_columns_.size() - batch_begin_;
  for (std::size_t lane = 0; lane < count; ++lane) {
    const double mean = references_[lane] * expected_[static_cast<std::size_t>(bin)];
    if (!(mean > 0.0)) continue;
    scale[lane] = static_cast<float>(1.0 / (mean * static_cast<double>(StoredIntensity::step)));
    offset[lane] = StoredIntensity::zero + 0.5F;
    lowest[lane] = 1.0F;
  }
  const auto angles = static_cast<std::size_t>(grid_.angles);
  kernels.encode(values, angles, scale.data(), offset.data(), lowest.data(),
                 tile_.data() + static_cast<std::size_t>(bin - bins_.begin) * angles * tile_patterns + batch_begin_,
                 static_cast<std::ptrdiff_t>(tile_patterns));
}

void MapStack::end(const InterpolationTable& table) {
  const auto first = static_cast<std::uint32_t>(bins_.begin * grid_.angles);
  for (const std::uint32_t sample : table.missing_samples()) {
    if (sample < first || sample - first >= samples_) continue;
    std::uint16_t* stored = tile_.data() + (sample - first) * tile_patterns;
    std::fill(stored + batch_begin_, stored + tile_columns_.size(), StoredIntensity::missing);
  }
}

void MapStack::flush() {
  if (tile_columns_.empty()) return;
  const auto per_map = static_cast<std::size_t>(rows_.size() * scan_nx_);
  const auto row_start = static_cast<std::size_t>((tile_row_ - rows_.begin) * scan_nx_);
  const std::size_t count = tile_columns_.size();
  const bool neighbours =
      tile_columns_.back() - tile_columns_.front() + 1 == static_cast<std::int64_t>(count);  // ascending, so all are
  for (std::size_t sample = 0; sample < samples_; ++sample) {
    std::uint16_t* line = values_.data() + sample * per_map + row_start;
    const std::uint16_t* source = tile_.data() + sample * tile_patterns;
    if (neighbours) {
      std::memcpy(line + tile_columns_.front(), source, count * sizeof(std::uint16_t));
    } else {
      for (std::size_t pattern = 0; pattern < count; ++pattern) line[tile_columns_[pattern]] = source[pattern];
    }
  }
  tile_columns_.clear();
}

std::span<std::uint16_t> MapStack::stored(int bin) noexcept {
  const std::size_t a_bin = static_cast<std::size_t>(grid_.angles) * static_cast<std::size_t>(rows_.size() * scan_nx_);
  return {values_.data() + static_cast<std::size_t>(bin - bins_.begin) * a_bin, a_bin};
}

std::span<const std::uint16_t> MapStack::stored(int bin) const noexcept {
  const std::size_t a_bin = static_cast<std::size_t>(grid_.angles) * static_cast<std::size_t>(rows_.size() * scan_nx_);
  return {values_.data() + static_cast<std::size_t>(bin - bins_.begin) * a_bin, a_bin};
}

std::vector<float> MapStack::ring_means(int bin) const {
  std::vector<float> means(static_cast<std::size_t>(rows_.size() * scan_nx_));
  mean_over_maps(stored(bin).data(), grid_.angles, means);
  return means;
}

std::vector<BinMaps> MapStack::exchange(const Communicator& communicator, int first,
                                        std::span<const Range> row_ranges) const {
  std::vector<int> bins;
  for (int bin = first; bin < std::min<std::int64_t>(first + communicator.size(), bins_.end); ++bin) {
    bins.push_back(bin);
  }
  return exchange(communicator, bins, row_ranges);
}

std::vector<BinMaps> MapStack::exchange(const Communicator& communicator, std::span<const int> bins,
                                        std::span<const Range> row_ranges) const {
  const int ranks = communicator.size();
  const auto per_row = static_cast<std::int64_t>(grid_.angles) * scan_nx_;
  if (bins.empty()) return {};
  const int lowest = *std::min_element(bins.begin(), bins.end());
  std::vector<int> send_counts(static_cast<std::size_t>(ranks), 0);
  std::vector<int> send_offsets(static_cast<std::size_t>(ranks), 0);
  std::vector<int> receive_counts(static_cast<std::size_t>(ranks), 0);
  std::vector<int> receive_offsets(static_cast<std::size_t>(ranks), 0);
  const auto bins_here = [&](int rank) { return static_cast<std::size_t>(rank) < bins.size(); };
  // Counts are int in MPI 3 and reach 2^31 values only for scans beyond 4,000 x 4,000 positions a bin.
  if (static_cast<double>(per_row) * static_cast<double>(scan_ny_) * ranks > std::numeric_limits<int>::max()) {
    throw failure("a scan of {} x {} positions has too many map points for one exchange: use fewer --angles", scan_ny_,
                  scan_nx_);
  }
  std::vector<BinMaps> result;
  const bool receives = bins_here(communicator.rank());
  if (receives)
    result.emplace_back(bins[static_cast<std::size_t>(communicator.rank())], grid_.angles, scan_ny_, scan_nx_);
  std::int64_t received = 0;
  for (int rank = 0; rank < ranks; ++rank) {
    const auto place = static_cast<std::size_t>(rank);
    if (bins_here(rank)) {
      send_counts[place] = 1;  // of a bin
      send_offsets[place] = bins[place] - lowest;
    }
    if (receives) {
      receive_counts[place] = static_cast<int>(per_row * row_ranges[place].size());
      receive_offsets[place] = static_cast<int>(received);
      result.front().parts_.push_back({row_ranges[place], static_cast<std::size_t>(received)});
      received += per_row * row_ranges[place].size();
    }
  }
  if (ranks == 1) {
    if (receives) result.front().values_ = stored(bins.front()).data();
    return result;
  }
  std::uint16_t* received_values = nullptr;
  if (receives) {
    result.front().received_.reset(new std::uint16_t[static_cast<std::size_t>(received)]);  // not zeroed
    received_values = result.front().received_.get();
    result.front().values_ = received_values;
  }
  // A bin as one element: offsets in values could pass 2^31.
  MPI_Datatype one_bin = MPI_DATATYPE_NULL;
  check_mpi(MPI_Type_contiguous(static_cast<int>(per_row * rows_.size()), MPI_UINT16_T, &one_bin),
            "MPI_Type_contiguous");
  check_mpi(MPI_Type_commit(&one_bin), "MPI_Type_commit");
  const int exchanged =
      MPI_Alltoallv(stored(lowest).data(), send_counts.data(), send_offsets.data(), one_bin, received_values,
                    receive_counts.data(), receive_offsets.data(), MPI_UINT16_T, communicator.get());
  check_mpi(MPI_Type_free(&one_bin), "MPI_Type_free");
  check_mpi(exchanged, "MPI_Alltoallv");
  return result;
}

}  // namespace mesoglass::diffraction
