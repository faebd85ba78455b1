#include "diffraction/area_analysis.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "diffraction/k_covariance.hpp"
#include "diffraction/local_maps.hpp"
#include "diffraction/local_measures.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/map_measurement.hpp"
#include "diffraction/map_stack.hpp"
#include "diffraction/pattern_judge.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/speckle_law.hpp"
#include "diffraction/type_maps.hpp"
#include "scan/row_blocks.hpp"
#include "scan/row_stream.hpp"
#include "scan/time_average.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t least_map_side = 16;
constexpr double whole_rows_bytes = 8.0 * 1024.0 * 1024.0;  // read at once where a row comes as a whole
constexpr double chunk_buffer_share = 0.125;                // of the memory limit, for rows of whole HDF5 chunks
constexpr std::int64_t tables_kept = 48;
constexpr int largest_lag_limit = 64;

// Of all threads of this process.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double buffer_bytes(const scan::ScanDescription& scan) {
  return scan.parts_of_rows ? piece_bytes : whole_rows_bytes;
}

double table_bytes(const PolarGrid& grid) {
  return static_cast<double>(grid.samples()) * (4.0 + 16.0 + 1.0);
}

int largest_lag(const scan::ScanDescription& scan, const AnalysisSettings& settings) {
  const double step = scan.scan_step_nm.value.value_or(1.0);
  const std::int64_t side = std::min(scan.scan_ny, scan.scan_nx);
  const double wanted = scan.scan_step_nm.value ? settings.correlation_range_nm / step : largest_lag_limit;
  return static_cast<int>(
      std::clamp(std::min(wanted, static_cast<double>(side / 3)), 4.0, static_cast<double>(largest_lag_limit)));
}

// With very many bins their pairs would take longer than all else.
bool tells_types_apart(const PolarGrid& grid) {
  constexpr int most_bins = 256;
  return grid.bins <= most_bins;
}

std::string several_kinds_text(const WideKind& kind, bool k_known) {
  const double deviation = std::sqrt(kind.middle_variance);
  const std::string unit = k_known ? "nm^-1" : "px";
  return fmt::format(
      "at k = {:.2f} {} there is more than one type of order, or one whose spacing varies by {:.1f} %: the speckles' k "
      "scatter by {:.3f} +- {:.3f} {}, those of one type by less than {:.3f}; two types would be {:.2f} or more apart, "
      "and less than {:.2f} are not told apart, so size, area fraction and order there are of all of them together",
      kind.speckle.k, unit, 100.0 * deviation / kind.speckle.k, deviation, 0.5 * kind.middle_variance_error / deviation,
      unit, least_spread * kind.speckle.width, 2.0 * deviation, kind.speckle.width);
}

bool wants_maps(const scan::ScanDescription& scan, const AnalysisSettings& settings) {
  return !settings.preview && std::min(scan.scan_ny, scan.scan_nx) >= least_map_side;
}

// The rows this rank reads, in blocks.
std::vector<Range> row_blocks(const scan::ScanDescription& scan, const Communicator& communicator,
                              const AnalysisSettings& settings, Range* own_rows) {
  if (!settings.preview) {
    auto plan = scan::plan_row_blocks(scan, communicator.rank(), communicator.size(),
                                      static_cast<std::int64_t>(buffer_bytes(scan)),
                                      scan.pixels() * static_cast<std::int64_t>(sizeof(float)),
                                      static_cast<std::int64_t>(chunk_buffer_share * settings.memory_limit_bytes));
    *own_rows = plan.own_rows;
    return plan.blocks;
  }
  constexpr std::int64_t preview_share = 100;  // 1 %
  const std::int64_t rows = std::max<std::int64_t>(1, scan.scan_ny / preview_share);
  const Range own = block_of(rows, communicator.rank(), communicator.size());
  std::vector<Range> blocks;
  for (std::int64_t i = own.begin; i < own.end; ++i) {
    const std::int64_t row = (2 * i + 1) * scan.scan_ny / (2 * rows);
    blocks.push_back({row, row + 1});
  }
  *own_rows = {0, 0};
  return blocks;
}

// What patterns have at every bin on average, per unit of scattered intensity, from the survey's mean pattern.
std::vector<double> expected_shares(const AreaGeometry& geometry, const PolarGrid& grid, Point middle) {
  const InterpolationTable table(grid, geometry.shape, middle, geometry.ellipse, geometry.good);
  std::vector<float> polar(grid.samples());
  table.transform(geometry.mean_pattern, polar);
  const DiscMeter meter(geometry.shape, geometry.good, geometry.disc ? geometry.aperture_radius_px : 0.0);
  const DiscMeasurement disc =
      meter.measure(geometry.mean_pattern, {middle.x - geometry.ring_offset.x, middle.y - geometry.ring_offset.y});
  const double scattered = disc.total - (geometry.disc ? disc.disc : 0.0);
  std::vector<double> shares(static_cast<std::size_t>(grid.bins), 0.0);
  for (int bin = 0; bin < grid.bins; ++bin) {
    double sum = 0.0;
    for (int angle = 0; angle < grid.angles; ++angle) {
      sum += static_cast<double>(polar[static_cast<std::size_t>(bin * grid.angles + angle)]);
    }
    if (table.valid_angles(bin) > 0 && scattered > 0.0) {
      shares[static_cast<std::size_t>(bin)] = sum / table.valid_angles(bin) / scattered;
    }
  }
  return shares;
}

// Angles and bins of the example maps: the bins where the order is highest, not next to each other, four angles each.
std::vector<std::pair<int, int>> choose_examples(const PatternAverages& averages, int angles, int wanted) {
  constexpr int angles_a_bin = 4;
  std::vector<int> bins(static_cast<std::size_t>(averages.bins));
  std::iota(bins.begin(), bins.end(), 0);
  std::stable_sort(bins.begin(), bins.end(), [&](int a, int b) {
    const double left = averages.order[static_cast<std::size_t>(a)];
    const double right = averages.order[static_cast<std::size_t>(b)];
    return std::isfinite(left) && (!std::isfinite(right) || left > right);
  });
  std::vector<int> chosen;
  std::vector<std::pair<int, int>> examples;
  for (const int bin : bins) {
    if (static_cast<int>(examples.size()) >= wanted) break;
    if (std::any_of(chosen.begin(), chosen.end(), [&](int other) { return std::abs(other - bin) < 4; })) continue;
    chosen.push_back(bin);
    for (int i = 0; i < angles_a_bin && static_cast<int>(examples.size()) < wanted; ++i) {
      examples.emplace_back(bin, i * angles / 8);  // within a half turn: the other half shows Friedel opposites
    }
  }
  return examples;
}

// Sizes and area fractions of the stack's k in every bin of thickness alone. Collective.
void describe_by_thickness(const Communicator& communicator, const MapStack& stack, std::span<const Range> row_ranges,
                           std::span<const std::uint8_t> kept, int lag, const AnalysisSettings& settings,
                           AreaResult& result) {
  for (int bin = 0; bin < result.thickness_bins.count(); ++bin) {
    std::vector<std::uint8_t> kept_here(kept.size(), 0);
    for (std::size_t position = 0; position < kept.size(); ++position) {
      kept_here[position] =
          kept[position] != 0 && result.thickness_bins.bin_of(result.transmittance[position]) == bin ? 1 : 0;
    }
    ThicknessBinResult& target = result.by_thickness[static_cast<std::size_t>(bin)];
    if (!(target.patterns > 0.0)) continue;
    MapDescriber describer(result.scan_ny, result.scan_nx, settings.angles, lag, kept_here);
    for (auto first = stack.bins().begin; first < stack.bins().end; first += communicator.size()) {
      const auto here = stack.exchange(communicator, static_cast<int>(first), row_ranges);
      const auto all = describe_all(communicator, here, describer, settings, MapDetail::area);
      for (std::size_t index = 0; index < all.size(); ++index) {
        const auto place = static_cast<std::size_t>(first) + index;
        target.size[place] = all[index].size;
        target.size_error[place] = all[index].size_error;
        target.area_fraction[place] = all[index].area_fraction;
        target.area_fraction_error[place] = all[index].area_fraction_error;
      }
    }
  }
}

}  // namespace

std::vector<double> KRange::values() const {
  std::vector<double> all(static_cast<std::size_t>(bins));
  for (int bin = 0; bin < bins; ++bin) all[static_cast<std::size_t>(bin)] = k(bin);
  return all;
}

KRange choose_k_range(const std::vector<AreaGeometry>& areas, const std::vector<double>& k_per_pixel,
                      const std::vector<const scan::ScanDescription*>& scans, const AnalysisSettings& settings) {
  double low = 0.0;
  double high = std::numeric_limits<double>::infinity();
  for (std::size_t area = 0; area < areas.size(); ++area) {
    const AreaGeometry& geometry = areas[area];
    const double inner = geometry.disc ? geometry.aperture_radius_px + 2.0
                                       : 0.1 * static_cast<double>(std::min(geometry.shape.nx, geometry.shape.ny));
    low = std::max(low, std::ceil(inner) * k_per_pixel[area]);
    // The largest whole circle about every corner of the scan, ellipse included.
    const double stretch = std::sqrt(geometry.ellipse.axis_ratio());
    for (const double row : {0.0, static_cast<double>(scans[area]->scan_ny - 1)}) {
      for (const double column : {0.0, static_cast<double>(scans[area]->scan_nx - 1)}) {
        const Point centre = geometry.centre_at(row, column);
        const double edge = std::min({centre.x, centre.y, static_cast<double>(geometry.shape.nx - 1) - centre.x,
                                      static_cast<double>(geometry.shape.ny - 1) - centre.y});
        high = std::min(high, std::floor(edge / stretch - 0.5) * k_per_pixel[area]);
      }
    }
  }
  if (settings.k_low) low = *settings.k_low;
  if (settings.k_high) high = *settings.k_high;
  KRange range;
  range.k_low = low;
  if (settings.k_bins > 0) {
    range.bins = settings.k_bins;
    range.k_step = settings.k_bins > 1 ? (high - low) / (settings.k_bins - 1) : k_per_pixel.front();
  } else {
    range.k_step = k_per_pixel.front();
    range.bins = static_cast<int>(std::floor((high - low) / range.k_step + 1e-9)) + 1;
  }
  constexpr int most_bins = 4096;
  if (!(low > 0.0) || !(high > low) || range.bins < 2 || range.bins > most_bins) {
    throw input_error(
        "no k range between the disc and the detector's edge: {:.4g} to {:.4g} in {} bins: set --k-min, --k-max and "
        "--k-bins, or the centre",
        low, high, range.bins);
  }
  return range;
}

MemoryPlan plan_memory(const scan::ScanDescription& scan, const PolarGrid& grid, int ranks,
                       const AnalysisSettings& settings) {
  MemoryPlan plan;
  const double row_bytes = static_cast<double>(scan.values_per_row()) * sizeof(float);
  const double least_bytes =
      scan.parts_of_rows
          ? std::min(row_bytes, static_cast<double>(patterns_a_piece(scan) * scan.pixels()) * sizeof(float))
          : row_bytes;
  const double chunk_bytes = row_bytes * static_cast<double>(scan.row_alignment);
  const bool whole_chunks = chunk_bytes <= chunk_buffer_share * settings.memory_limit_bytes;
  // One is read while one is worked on.
  plan.buffer_bytes = 2.0 * std::max({buffer_bytes(scan), least_bytes, whole_chunks ? chunk_bytes : 0.0});
  const double orders = grid.angles / 2 + 1;
  const double sums = 8.0 * grid.bins * orders * 57.0 * settings.thickness_bins +
                      16.0 * static_cast<double>(scan.pixels()) +
                      (40.0 + 4.0 * most_profiles) * static_cast<double>(scan.scan_ny * scan.scan_nx) +
                      LocalMeasures::bytes(scan.scan_ny * scan.scan_nx, settings.order_limit);
  plan.tables_bytes = static_cast<double>(tables_kept) * table_bytes(grid) + sums;
  if (wants_maps(scan, settings)) {
    const int lag = largest_lag(scan, settings);
    plan.one_bin_bytes = MapStack::bytes_per_bin(grid, scan.scan_ny, scan.scan_nx) +
                         MapDescriber::bytes(scan.scan_ny, scan.scan_nx, grid.angles, lag);
    const std::int64_t own_rows = (scan.scan_ny + ranks - 1) / ranks + scan.row_alignment;
    plan.stack_bin_bytes =
        MapStack::bytes_per_bin(grid, std::min(own_rows, scan.scan_ny), scan.scan_nx) + 64.0 * grid.angles;
  }
  // Reading and map work do not overlap: the larger of the two counts beside the stack.
  const double beside = plan.tables_bytes + std::max(plan.buffer_bytes, plan.one_bin_bytes);
  if (plan.one_bin_bytes > 0.0) {
    const double room = settings.memory_limit_bytes - beside;
    plan.bins_a_band = std::min(grid.bins, static_cast<int>(std::floor(room / plan.stack_bin_bytes)));
    if (plan.bins_a_band < grid.bins && tells_types_apart(grid)) {
      plan.type_bytes = most_profiles * plan.stack_bin_bytes;
      plan.bins_a_band = static_cast<int>(std::floor((room - plan.type_bytes) / plan.stack_bin_bytes));
    }
    if (plan.bins_a_band < 1) {
      throw input_error(
          "--memory-limit {} is too little for the maps of one k of {} x {} positions: give {} or more, or more ranks",
          bytes_text(settings.memory_limit_bytes), scan.scan_ny, scan.scan_nx,
          bytes_text(beside + plan.type_bytes + 2.0 * plan.stack_bin_bytes));
    }
    plan.bands = (grid.bins + plan.bins_a_band - 1) / plan.bins_a_band;
    plan.bins_a_band = (grid.bins + plan.bands - 1) / plan.bands;  // bands of equal size
  }
  plan.total_bytes = beside + plan.type_bytes + plan.bins_a_band * plan.stack_bin_bytes;
  return plan;
}

ThicknessBins choose_thickness_bins(const std::vector<AreaGeometry>& areas, const AnalysisSettings& settings) {
  std::vector<double> transmittances;
  for (const AreaGeometry& geometry : areas) {
    if (!geometry.disc) return {};
    const PatternJudge judge(geometry, settings);
    for (const double value : geometry.transmittances) {
      if (judge.judge_thickness(value) == Verdict::kept) transmittances.push_back(value);
    }
  }
  return equal_thickness_bins(std::move(transmittances), settings.thickness_bins);
}

AreaResult analyse_area(const Communicator& communicator, const scan::ScanReader& reader, const AreaGeometry& geometry,
                        const KRange& k_range, const ThicknessBins& thickness_bins, const AnalysisSettings& settings,
                        const Log& log, PhaseTimers& timers) {
  const scan::ScanDescription& scan = reader.description();
  AreaResult result;
  result.name = scan.path.filename().string();
  result.geometry = geometry;
  result.scan_ny = scan.scan_ny;
  result.scan_nx = scan.scan_nx;
  result.k_known = scan.k_per_pixel_inverse_nm.value.has_value();
  result.k_per_pixel = scan.k_per_pixel_inverse_nm.value.value_or(1.0);
  result.scan_step_known = scan.scan_step_nm.value.has_value();
  result.scan_step_nm = scan.scan_step_nm.value.value_or(1.0);
  result.grid = {k_range.k_low / result.k_per_pixel, k_range.k_step / result.k_per_pixel, k_range.bins,
                 settings.angles};
  const auto warn = [&](const std::string& text) {
    result.warnings.push_back(text);
    log.warning("{}: {}", result.name, text);
  };
  const double transmittance_min = lowest_transmittance(geometry, settings);
  if (geometry.disc && transmittance_min < settings.transmittance_min) {
    warn(
        fmt::format("half of the patterns have a transmittance below {:.2f} (median {:.3f}), so the transmittance "
                    "limit is set aside: "
                    "plural scattering is likely; give --transmittance-min to filter all the same",
                    settings.transmittance_min, geometry.median_transmittance));
  }
  result.thickness_bins = thickness_bins;

  const MemoryPlan memory =
      collectively(communicator, [&] { return plan_memory(scan, result.grid, communicator.size(), settings); });
  const auto positions = static_cast<std::size_t>(scan.scan_ny * scan.scan_nx);
  const auto pixels = static_cast<std::size_t>(scan.pixels());
  Range own_rows;
  const std::vector<Range> blocks = row_blocks(scan, communicator, settings, &own_rows);
  std::vector<Range> row_ranges;
  for (const std::int64_t edge : communicator.all_gather(std::span<const std::int64_t>(&own_rows.begin, 1))) {
    row_ranges.push_back({edge, edge});
  }
  {
    const auto ends = communicator.all_gather(std::span<const std::int64_t>(&own_rows.end, 1));
    for (std::size_t rank = 0; rank < ends.size(); ++rank) row_ranges[rank].end = ends[rank];
  }

  PatternStatistics statistics(result.grid, geometry.gain, settings.order_limit, scan.scan_ny, scan.scan_nx,
                               best_kernels(), thickness_bins.count());
  // A pattern far brighter than the survey's brightest pixel would only make these sums depend on the ranks' order.
  constexpr double brighter = 4.0;
  OrderFreeSums pixel_sums(pixels, brighter * geometry.brightest_mean * static_cast<double>(positions));
  InterpolationTables tables(result.grid, geometry.shape, geometry.ellipse, geometry.good,
                             static_cast<std::size_t>(tables_kept));
  const PatternJudge judge(geometry, settings);
  const std::vector<std::size_t> left_out = left_out_pixels(geometry.good);
  std::vector<std::uint8_t> verdicts(positions, static_cast<std::uint8_t>(Verdict::not_read));
  result.transmittance.assign(positions, nan);
  result.centre_x_px.assign(positions, nan);
  result.centre_y_px.assign(positions, nan);
  result.mean_pattern.assign(pixels, 0.0);

  for (auto* values :
       {&result.size, &result.size_error, &result.size_diameter, &result.area_fraction, &result.area_fraction_error,
        &result.map_variance, &result.map_noise_variance, &result.region_diameter, &result.region_diameter_error,
        &result.null_region_diameter, &result.fit_width, &result.fit_width_error, &result.null_fit_width,
        &result.share_above, &result.null_share}) {
    values->assign(static_cast<std::size_t>(k_range.bins), nan);
  }
  result.region_diameter_histogram.assign(static_cast<std::size_t>(k_range.bins * diameter_bins), 0.0);
  if (memory.bands == 0 && !settings.preview) {
    warn(fmt::format(
        "a scan of {} x {} positions is too small for maps (at least {} x {}): no speckle sizes and area fractions",
        scan.scan_ny, scan.scan_nx, least_map_side, least_map_side));
  }

  const auto shares = expected_shares(
      geometry, result.grid,
      geometry.centre_at(0.5 * static_cast<double>(scan.scan_ny - 1), 0.5 * static_cast<double>(scan.scan_nx - 1)));
  std::unique_ptr<LocalMeasures> local;
  if (!settings.preview && settings.local_maps) {
    LocalWindow window = choose_local_window(geometry, result.grid, settings, result.k_per_pixel, shares);
    result.local_k_low = k_range.k(static_cast<int>(window.ring.begin));
    result.local_k_high = k_range.k(static_cast<int>(window.ring.end) - 1);
    local = std::make_unique<LocalMeasures>(result.grid, std::move(window), geometry.gain, settings.order_limit,
                                            own_rows, scan.scan_nx, best_kernels());
  }
  std::optional<KCovariance> covariance;
  if (memory.bands > 0 && tells_types_apart(result.grid)) {
    covariance.emplace(result.grid, shares, scan.scan_ny, scan.scan_nx, best_kernels());
  }
  std::optional<TypeMaps> type_maps;
  std::optional<MapDescriber> describer;
  std::vector<double> scattered(positions, 0.0);
  std::int64_t rows_here = 0;
  for (const Range& block : blocks) rows_here += block.size();
  std::vector<std::uint8_t> kept;
  for (int band = 0; band < std::max(1, memory.bands); ++band) {
    const bool first_pass = band == 0;
    std::unique_ptr<MapStack> stack;
    if (memory.bands > 0) {
      const Range bins{static_cast<std::int64_t>(band) * memory.bins_a_band,
                       std::min<std::int64_t>(static_cast<std::int64_t>(band + 1) * memory.bins_a_band, k_range.bins)};
      stack = std::make_unique<MapStack>(result.grid, bins, own_rows, scan.scan_ny, scan.scan_nx, shares);
    }
    collectively(communicator, [&] {
      scan::RowStream stream(reader, blocks, patterns_a_piece(scan));
      const std::string task =
          memory.bands > 1 ? fmt::format("patterns, k band {} of {}", band + 1, memory.bands) : "patterns";
      Progress progress(log, task, static_cast<double>(rows_here * scan.scan_nx), "patterns");
      PatternPass pass(result.grid, geometry.shape, first_pass ? &statistics : nullptr,
                       first_pass ? &pixel_sums : nullptr, stack.get(), best_kernels(),
                       first_pass ? local.get() : nullptr, first_pass && covariance ? &*covariance : nullptr);
      double done = 0.0;
      const auto begun = std::chrono::steady_clock::now();
      const double processor_begun = processor_seconds();
      while (const auto block = stream.next()) {
        const auto timing = timers.time(first_pass ? "patterns" : "patterns again");
        for (std::int64_t row = block->rows.begin; row < block->rows.end; ++row) {
          for (std::int64_t column = block->columns.begin; column < block->columns.end; ++column) {
            const auto position = static_cast<std::size_t>(row * scan.scan_nx + column);
            const auto place = static_cast<std::size_t>((row - block->rows.begin) * block->columns.size() + column -
                                                        block->columns.begin);
            const auto pattern = block->patterns.subspan(place * pixels, pixels);
            clear_not_finite(pattern, left_out);
            if (first_pass) {
              const auto judgement = judge.judge(pattern, row, column);
              verdicts[position] = static_cast<std::uint8_t>(judgement.verdict);
              result.transmittance[position] = judgement.transmittance;
              result.centre_x_px[position] = judgement.disc_centre.x;
              result.centre_y_px[position] = judgement.disc_centre.y;
              scattered[position] = judgement.scattered;
              result.counts.add(judgement.verdict);
            }
            if (verdicts[position] != static_cast<std::uint8_t>(Verdict::kept)) continue;
            const Point centre = pattern_centre(geometry, settings, row, column,
                                                {result.centre_x_px[position], result.centre_y_px[position]});
            pass.add(row, column, pattern, tables.at(centre), scattered[position],
                     thickness_bins.bin_of(result.transmittance[position]));
          }
          done += static_cast<double>(block->columns.size());
          progress.update(done);
        }
        if (block->columns.end == scan.scan_nx) {
          pass.flush();
        } else {
          pass.settle();
        }
      }
      timers.add("waiting for the disk", stream.waited_s());
      result.reading.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
      result.reading.waited_s += stream.waited_s();
      result.reading.processor_s += processor_seconds() - processor_begun;
      result.reading.bytes += static_cast<double>(rows_here * scan.values_per_row() * scan.element_type.bytes);
    });
    if (first_pass) {
      const auto timing = timers.time("combine");
      auto counts = std::vector<std::int64_t>{
          result.counts.total,   result.counts.kept,      result.counts.not_finite,     result.counts.empty,
          result.counts.no_disc, result.counts.too_thick, result.counts.wrong_thickness};
      communicator.sum_in_place(std::span<std::int64_t>(counts));
      result.counts = {counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6]};
      if (result.counts.kept == 0) {
        const Error error = input_error(
            "{}: none of {} patterns is left ({} with NaN or infinite pixels, {} empty, {} without a disc, {} below "
            "the transmittance {:.3f}, {} outside the thickness window): loosen the filters or check the data",
            result.name, result.counts.total, result.counts.not_finite, result.counts.empty, result.counts.no_disc,
            result.counts.too_thick, transmittance_min, result.counts.wrong_thickness);
        collectively(communicator, [&] { throw error; });
      }
      result.averages = statistics.averages(communicator);
      for (int bin = 0; bin < thickness_bins.count(); ++bin) {
        ThicknessBinResult& here = result.by_thickness.emplace_back();
        here.averages = statistics.group_averages(bin);
        for (auto* values : {&here.size, &here.size_error, &here.area_fraction, &here.area_fraction_error}) {
          values->assign(static_cast<std::size_t>(k_range.bins), nan);
        }
      }
      pixel_sums.reduce(communicator);
      for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
        result.mean_pattern[pixel] = pixel_sums[pixel] / static_cast<double>(result.counts.kept);
      }
      // Every position was read by one rank; the others hold NaN, which a minimum would keep.
      communicator.min_in_place(std::span<std::uint8_t>(verdicts));
      const auto fill_in = [&](std::vector<double>& values) {
        for (std::size_t position = 0; position < positions; ++position) {
          if (!std::isfinite(values[position])) values[position] = -std::numeric_limits<double>::infinity();
        }
        communicator.max_in_place(std::span<double>(values));
        for (double& value : values) {
          if (std::isinf(value)) value = nan;
        }
      };
      fill_in(result.transmittance);
      fill_in(result.centre_x_px);
      fill_in(result.centre_y_px);
      kept.resize(positions);
      for (std::size_t position = 0; position < positions; ++position) {
        kept[position] = verdicts[position] == static_cast<std::uint8_t>(Verdict::kept) ? 1 : 0;
        if (kept[position] == 0) continue;
        auto& bin =
            result.by_thickness[static_cast<std::size_t>(thickness_bins.bin_of(result.transmittance[position]))];
        bin.patterns += 1.0;
        bin.mean_transmittance += result.transmittance[position];
      }
      for (auto& bin : result.by_thickness) bin.mean_transmittance /= bin.patterns;  // NaN where empty
      if (local) result.local_maps = local_maps_of(communicator, *local, result.transmittance, kept, settings);
      local.reset();
      if (covariance) {
        covariance->reduce(communicator);
        auto unmixing = separate_types(k_range, *covariance, shares, result);
        covariance.reset();
        for (const WideKind& kind : result.kinds) {
          if (kind.several()) warn(several_kinds_text(kind, result.k_known));
        }
        if (result.kinds.empty()) {
          log.information("{}: types are not told apart, since no profiles over k describe what the maps show",
                          result.name);
        }
        if (!unmixing.kinds.empty()) {
          type_maps.emplace(std::move(unmixing), result.grid, own_rows, scan.scan_ny, scan.scan_nx);
        }
      }
    }
    if (!stack) continue;
    const auto timing = timers.time("maps");
    const double processor_begun = processor_seconds();
    const int lag = largest_lag(scan, settings);
    describer.emplace(scan.scan_ny, scan.scan_nx, settings.angles, lag, kept);
    const auto examples = choose_examples(result.averages, settings.angles, settings.example_maps);
    for (auto first = stack->bins().begin; first < stack->bins().end; first += communicator.size()) {
      const auto here = stack->exchange(communicator, static_cast<int>(first), row_ranges);
      const auto all = describe_all(communicator, here, *describer, settings, MapDetail::speckles);
      for (std::size_t index = 0; index < all.size(); ++index) {
        const auto bin = static_cast<std::size_t>(first) + index;
        result.size[bin] = all[index].size;
        result.size_error[bin] = all[index].size_error;
        result.area_fraction[bin] = all[index].area_fraction;
        result.area_fraction_error[bin] = all[index].area_fraction_error;
        result.map_variance[bin] = all[index].variance;
        result.map_noise_variance[bin] = all[index].noise_variance;
        result.region_diameter[bin] = all[index].region_diameter;
        result.region_diameter_error[bin] = all[index].region_diameter_error;
        result.null_region_diameter[bin] = all[index].null_region_diameter;
        result.fit_width[bin] = all[index].fit_width;
        result.fit_width_error[bin] = all[index].fit_width_error;
        result.null_fit_width[bin] = all[index].null_fit_width;
        result.share_above[bin] = all[index].share_above;
        result.null_share[bin] = all[index].null_share;
        std::copy(all[index].region_diameters.begin(), all[index].region_diameters.end(),
                  result.region_diameter_histogram.begin() + static_cast<std::ptrdiff_t>(bin * diameter_bins));
      }
      for (const auto& [bin, angle] : examples) {
        if (bin < first || bin >= std::min(first + communicator.size(), stack->bins().end)) continue;
        ExampleMap example{bin, angle, std::vector<float>(positions)};
        const int owner = bin - static_cast<int>(first);
        if (communicator.rank() == owner) here.front().copy_map(angle, example.relative);
        communicator.broadcast(std::span<float>(example.relative), owner);
        result.example_maps.push_back(std::move(example));
      }
    }
    result.reading.maps_processor_s += processor_seconds() - processor_begun;
    const bool last_band = band + 1 == memory.bands;
    if (!last_band || settings.sizes_by_thickness) describer.reset();  // room for patterns, or for those of the bins
    if (settings.sizes_by_thickness) {
      describe_by_thickness(communicator, *stack, row_ranges, kept, lag, settings, result);
    }
    if (type_maps) type_maps->add(std::move(stack));
  }
  if (type_maps) {
    const auto timing = timers.time("maps");
    const double processor_begun = processor_seconds();
    if (!describer) {
      describer.emplace(scan.scan_ny, scan.scan_nx, settings.angles, largest_lag(scan, settings), kept);
    }
    describe_separated(communicator, *type_maps, row_ranges, *describer, settings, result);
    result.reading.maps_processor_s += processor_seconds() - processor_begun;
  }
  result.reading = {communicator.max(result.reading.seconds), communicator.max(result.reading.waited_s),
                    communicator.sum(result.reading.bytes), communicator.sum(result.reading.processor_s),
                    communicator.sum(result.reading.maps_processor_s)};
  narrow_area_fractions(k_range, result);
  for (const SeparatedType& type : result.separated) {
    if (type.area_fraction > largest_sure_part) {
      warn(fmt::format(
          "the type at k = {:.3g} covers {:.2f} of the maps: above {:.2f} its area fraction can be off by 20 %",
          type.profile.k, type.area_fraction, largest_sure_part));
    }
  }
  // Scan steps to nm, and the probe taken out in quadrature.
  const double probe = result.scan_step_known ? settings.probe_fwhm_nm : 0.0;
  std::vector<double> unused(result.size.size(), nan);
  const auto to_lengths = [&](std::vector<double>& widths, std::vector<double>& errors) {
    int lost = 0;
    for (std::size_t bin = 0; bin < widths.size(); ++bin) {
      if (!std::isfinite(widths[bin])) continue;
      const double blurred = widths[bin] * result.scan_step_nm;
      const double squared = blurred * blurred - probe * probe;
      if (squared <= 0.0) {
        widths[bin] = errors[bin] = nan;
        ++lost;
        continue;
      }
      widths[bin] = std::sqrt(squared);
      errors[bin] *= result.scan_step_nm * blurred / widths[bin];
    }
    return lost;
  };
  const int below_probe = to_lengths(result.size, result.size_error);
  for (auto& bin : result.by_thickness) to_lengths(bin.size, bin.size_error);
  for (SeparatedType& type : result.separated) {
    std::vector<double> size{type.size}, error{type.size_error};
    to_lengths(size, error);
    type.size = size.front();
    type.size_error = error.front();
  }
  to_lengths(result.region_diameter, result.region_diameter_error);
  to_lengths(result.fit_width, result.fit_width_error);
  to_lengths(result.null_region_diameter, unused);
  to_lengths(result.null_fit_width, unused);
  if (below_probe > 0) {
    warn(fmt::format("at {} of {} k the speckles are not larger than the probe ({:.3g} nm): no size there", below_probe,
                     k_range.bins, probe));
  }
  return result;
}

AreaResult analyse_time_series(const Communicator& communicator, const scan::ScanReader& series, AreaGeometry geometry,
                               const KRange& k_range, const ThicknessBins& thickness_bins,
                               const AnalysisSettings& settings, const Log& log, PhaseTimers& timers) {
  std::optional<RelaxationResult> relaxation;
  if (!settings.preview) {
    const double k_per_pixel = series.description().k_per_pixel_inverse_nm.value.value_or(1.0);
    const PolarGrid grid{k_range.k_low / k_per_pixel, k_range.k_step / k_per_pixel, k_range.bins, settings.angles};
    relaxation = analyse_relaxation(communicator, series, geometry, grid, settings, log, timers);
  }
  const scan::TimeAverage average(series);
  geometry.gain = average.description().gain.value.value_or(1.0);
  AreaResult result = analyse_area(communicator, average, geometry, k_range, thickness_bins, settings, log, timers);
  if (relaxation && !result.local_maps.empty()) result.local_maps.push_back(relaxation_time_map(*relaxation));
  result.relaxation = std::move(relaxation);
  return result;
}

}  // namespace mesoglass::diffraction
