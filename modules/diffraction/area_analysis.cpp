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
#include "scan/row_stream.hpp"
#include "scan/time_average.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
// Of all threads of this process.
double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
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

// The steps of analyse_area, which hand each other what is here.
class AreaAnalysis {
 public:
  AreaAnalysis(const Communicator& communicator, const scan::ScanReader& reader, const AreaGeometry& geometry,
               const KRange& k_range, const ThicknessBins& thickness_bins, const AnalysisSettings& settings,
               const Log& log, PhaseTimers& timers);
  AreaResult run() &&;

 private:
  void warn(const std::string& text);
  void prepare_result();
  void prepare_local_maps();
  [[nodiscard]] std::vector<Range> all_ranks_rows() const;
  // One pass over the patterns, in whose first all sums are taken; fills `stack` where there is one.
  void read_patterns(int band, MapStack* stack);
  void take_pattern(std::int64_t row, std::int64_t column, std::span<float> pattern, bool first_pass,
                    PatternPass& pass);
  // What the first pass gave, of all ranks.
  void combine();
  void combine_counts();
  void combine_thickness_bins();
  void tell_types_apart();
  void measure_maps(int band, std::unique_ptr<MapStack> stack);
  void keep_descriptors(std::size_t bin, const MapDescriptors& found);
  void measure_types();
  // From scan steps to nm, and the probe taken out in quadrature.
  void to_lengths();
  [[nodiscard]] std::size_t positions() const noexcept {
    return static_cast<std::size_t>(scan_.scan_ny * scan_.scan_nx);
  }
  [[nodiscard]] std::size_t pixels() const noexcept { return static_cast<std::size_t>(scan_.pixels()); }

  const Communicator& communicator_;
  const scan::ScanReader& reader_;
  const scan::ScanDescription& scan_;
  const AreaGeometry& geometry_;
  const KRange& k_range_;
  const AnalysisSettings& settings_;
  const Log& log_;
  PhaseTimers& timers_;
  AreaResult result_;
  MemoryPlan memory_;
  RowPlan rows_;
  std::vector<Range> row_ranges_;  // of all ranks
  PatternJudge judge_;
  std::vector<std::size_t> left_out_;   // pixels
  std::vector<double> shares_;          // see expected_shares
  std::vector<std::uint8_t> verdicts_;  // of the positions
  std::vector<double> scattered_;       // by the patterns
  std::vector<std::uint8_t> kept_;      // 1 or 0, after the first pass
  std::optional<PatternStatistics> statistics_;
  std::optional<OrderFreeSums> pixel_sums_;
  std::optional<InterpolationTables> tables_;
  std::optional<LocalMeasures> local_;
  std::optional<KCovariance> covariance_;
  std::optional<TypeMaps> type_maps_;
  std::optional<MapDescriber> describer_;
};

AreaAnalysis::AreaAnalysis(const Communicator& communicator, const scan::ScanReader& reader,
                           const AreaGeometry& geometry, const KRange& k_range, const ThicknessBins& thickness_bins,
                           const AnalysisSettings& settings, const Log& log, PhaseTimers& timers)
    : communicator_(communicator),
      reader_(reader),
      scan_(reader.description()),
      geometry_(geometry),
      k_range_(k_range),
      settings_(settings),
      log_(log),
      timers_(timers),
      judge_(geometry, settings),
      left_out_(left_out_pixels(geometry.good)),
      verdicts_(positions(), static_cast<std::uint8_t>(Verdict::not_read)),
      scattered_(positions(), 0.0) {
  result_.thickness_bins = thickness_bins;
  prepare_result();
  const double transmittance_min = lowest_transmittance(geometry, settings);
  if (geometry.disc && transmittance_min < settings.transmittance_min) {
    warn(
        fmt::format("half of the patterns have a transmittance below {:.2f} (median {:.3f}), so the transmittance "
                    "limit is set aside: "
                    "plural scattering is likely; give --transmittance-min to filter all the same",
                    settings.transmittance_min, geometry.median_transmittance));
  }
  memory_ = collectively(communicator, [&] { return plan_memory(scan_, result_.grid, communicator.size(), settings); });
  rows_ = plan_rows(scan_, communicator, settings);
  row_ranges_ = all_ranks_rows();
  statistics_.emplace(result_.grid, geometry.gain, settings.order_limit, scan_.scan_ny, scan_.scan_nx, best_kernels(),
                      thickness_bins.count());
  // A pattern far brighter than the survey's brightest pixel would only make these sums depend on the ranks' order.
  constexpr double brighter = 4.0;
  pixel_sums_.emplace(pixels(), brighter * geometry.brightest_mean * static_cast<double>(positions()));
  tables_.emplace(result_.grid, geometry.shape, geometry.ellipse, geometry.good, tables_kept);
  if (memory_.bands == 0 && !settings.preview) {
    warn(fmt::format(
        "a scan of {} x {} positions is too small for maps (at least {} x {}): no speckle sizes and area fractions",
        scan_.scan_ny, scan_.scan_nx, least_map_side, least_map_side));
  }
  shares_ = expected_shares(
      geometry, result_.grid,
      geometry.centre_at(0.5 * static_cast<double>(scan_.scan_ny - 1), 0.5 * static_cast<double>(scan_.scan_nx - 1)));
  if (!settings.preview && settings.local_maps) prepare_local_maps();
  if (memory_.bands > 0 && tells_types_apart(result_.grid)) {
    covariance_.emplace(result_.grid, shares_, scan_.scan_ny, scan_.scan_nx, best_kernels());
  }
}

void AreaAnalysis::warn(const std::string& text) {
  result_.warnings.push_back(text);
  log_.warning("{}: {}", result_.name, text);
}

void AreaAnalysis::prepare_result() {
  result_.name = scan_.path.filename().string();
  result_.geometry = geometry_;
  result_.scan_ny = scan_.scan_ny;
  result_.scan_nx = scan_.scan_nx;
  result_.k_known = scan_.k_per_pixel_inverse_nm.value.has_value();
  result_.k_per_pixel = scan_.k_per_pixel_inverse_nm.value.value_or(1.0);
  result_.scan_step_known = scan_.scan_step_nm.value.has_value();
  result_.scan_step_nm = scan_.scan_step_nm.value.value_or(1.0);
  result_.grid = {k_range_.k_low / result_.k_per_pixel, k_range_.k_step / result_.k_per_pixel, k_range_.bins,
                  settings_.angles};
  result_.transmittance.assign(positions(), nan);
  result_.centre_x_px.assign(positions(), nan);
  result_.centre_y_px.assign(positions(), nan);
  result_.mean_pattern.assign(pixels(), 0.0);
  for (auto* values :
       {&result_.size, &result_.size_error, &result_.size_diameter, &result_.area_fraction,
        &result_.area_fraction_error, &result_.map_variance, &result_.map_noise_variance, &result_.region_diameter,
        &result_.region_diameter_error, &result_.null_region_diameter, &result_.fit_width, &result_.fit_width_error,
        &result_.null_fit_width, &result_.share_above, &result_.null_share}) {
    values->assign(static_cast<std::size_t>(k_range_.bins), nan);
  }
  result_.region_diameter_histogram.assign(static_cast<std::size_t>(k_range_.bins * diameter_bins), 0.0);
}

void AreaAnalysis::prepare_local_maps() {
  LocalWindow window = choose_local_window(geometry_, result_.grid, settings_, result_.k_per_pixel, shares_);
  result_.local_k_low = k_range_.k(static_cast<int>(window.ring.begin));
  result_.local_k_high = k_range_.k(static_cast<int>(window.ring.end) - 1);
  local_.emplace(result_.grid, std::move(window), geometry_.gain, settings_.order_limit, rows_.own_rows, scan_.scan_nx,
                 best_kernels());
}

std::vector<Range> AreaAnalysis::all_ranks_rows() const {
  std::vector<Range> ranges;
  for (const std::int64_t edge : communicator_.all_gather(std::span<const std::int64_t>(&rows_.own_rows.begin, 1))) {
    ranges.push_back({edge, edge});
  }
  const auto ends = communicator_.all_gather(std::span<const std::int64_t>(&rows_.own_rows.end, 1));
  for (std::size_t rank = 0; rank < ends.size(); ++rank) ranges[rank].end = ends[rank];
  return ranges;
}

AreaResult AreaAnalysis::run() && {
  for (int band = 0; band < std::max(1, memory_.bands); ++band) {
    std::unique_ptr<MapStack> stack;
    if (memory_.bands > 0) {
      const Range bins{
          static_cast<std::int64_t>(band) * memory_.bins_a_band,
          std::min<std::int64_t>(static_cast<std::int64_t>(band + 1) * memory_.bins_a_band, k_range_.bins)};
      stack = std::make_unique<MapStack>(result_.grid, bins, rows_.own_rows, scan_.scan_ny, scan_.scan_nx, shares_);
    }
    read_patterns(band, stack.get());
    if (band == 0) combine();
    if (stack) measure_maps(band, std::move(stack));
  }
  if (type_maps_) measure_types();
  auto& reading = result_.reading;
  reading = {communicator_.max(reading.seconds), communicator_.max(reading.waited_s), communicator_.sum(reading.bytes),
             communicator_.sum(reading.processor_s), communicator_.sum(reading.maps_processor_s)};
  narrow_area_fractions(k_range_, result_);
  for (const SeparatedType& type : result_.separated) {
    if (type.area_fraction > largest_sure_part) {
      warn(fmt::format(
          "the type at k = {:.3g} covers {:.2f} of the maps: above {:.2f} its area fraction can be off by 20 %",
          type.profile.k, type.area_fraction, largest_sure_part));
    }
  }
  to_lengths();
  return std::move(result_);
}

void AreaAnalysis::read_patterns(int band, MapStack* stack) {
  const bool first_pass = band == 0;
  std::int64_t rows_here = 0;
  for (const Range& block : rows_.blocks) rows_here += block.size();
  collectively(communicator_, [&] {
    scan::RowStream stream(reader_, rows_.blocks, patterns_a_piece(scan_));
    const std::string task =
        memory_.bands > 1 ? fmt::format("patterns, k band {} of {}", band + 1, memory_.bands) : "patterns";
    Progress progress(log_, task, static_cast<double>(rows_here * scan_.scan_nx), "patterns");
    PatternPass pass(result_.grid, geometry_.shape, first_pass ? &*statistics_ : nullptr,
                     first_pass ? &*pixel_sums_ : nullptr, stack, best_kernels(),
                     first_pass && local_ ? &*local_ : nullptr, first_pass && covariance_ ? &*covariance_ : nullptr);
    double done = 0.0;
    const auto begun = std::chrono::steady_clock::now();
    const double processor_begun = processor_seconds();
    while (const auto block = stream.next()) {
      const auto timing = timers_.time(first_pass ? "patterns" : "patterns again");
      for (std::int64_t row = block->rows.begin; row < block->rows.end; ++row) {
        for (std::int64_t column = block->columns.begin; column < block->columns.end; ++column) {
          const auto place = static_cast<std::size_t>((row - block->rows.begin) * block->columns.size() + column -
                                                      block->columns.begin);
          take_pattern(row, column, block->patterns.subspan(place * pixels(), pixels()), first_pass, pass);
        }
        done += static_cast<double>(block->columns.size());
        progress.update(done);
      }
      if (block->columns.end == scan_.scan_nx) {
        pass.flush();
      } else {
        pass.settle();
      }
    }
    timers_.add("waiting for the disk", stream.waited_s());
    result_.reading.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
    result_.reading.waited_s += stream.waited_s();
    result_.reading.processor_s += processor_seconds() - processor_begun;
    result_.reading.bytes += static_cast<double>(rows_here * scan_.values_per_row() * scan_.element_type.bytes);
  });
}

void AreaAnalysis::take_pattern(std::int64_t row, std::int64_t column, std::span<float> pattern, bool first_pass,
                                PatternPass& pass) {
  const auto position = static_cast<std::size_t>(row * scan_.scan_nx + column);
  clear_not_finite(pattern, left_out_);
  if (first_pass) {
    const auto judgement = judge_.judge(pattern, row, column);
    verdicts_[position] = static_cast<std::uint8_t>(judgement.verdict);
    result_.transmittance[position] = judgement.transmittance;
    result_.centre_x_px[position] = judgement.disc_centre.x;
    result_.centre_y_px[position] = judgement.disc_centre.y;
    scattered_[position] = judgement.scattered;
    result_.counts.add(judgement.verdict);
  }
  if (verdicts_[position] != static_cast<std::uint8_t>(Verdict::kept)) return;
  const Point centre =
      pattern_centre(geometry_, settings_, row, column, {result_.centre_x_px[position], result_.centre_y_px[position]});
  pass.add(row, column, pattern, tables_->at(centre), scattered_[position],
           result_.thickness_bins.bin_of(result_.transmittance[position]));
}

void AreaAnalysis::combine() {
  const auto timing = timers_.time("combine");
  combine_counts();
  result_.averages = statistics_->averages(communicator_);
  pixel_sums_->reduce(communicator_);
  for (std::size_t pixel = 0; pixel < pixels(); ++pixel) {
    result_.mean_pattern[pixel] = (*pixel_sums_)[pixel] / static_cast<double>(result_.counts.kept);
  }
  // Every position was read by one rank; the others hold NaN, which a minimum would keep.
  communicator_.min_in_place(std::span<std::uint8_t>(verdicts_));
  for (std::vector<double>* values : {&result_.transmittance, &result_.centre_x_px, &result_.centre_y_px}) {
    for (double& value : *values) {
      if (!std::isfinite(value)) value = -std::numeric_limits<double>::infinity();
    }
    communicator_.max_in_place(std::span<double>(*values));
    for (double& value : *values) {
      if (std::isinf(value)) value = nan;
    }
  }
  kept_.resize(positions());
  for (std::size_t position = 0; position < positions(); ++position) {
    kept_[position] = verdicts_[position] == static_cast<std::uint8_t>(Verdict::kept) ? 1 : 0;
  }
  combine_thickness_bins();
  if (local_) result_.local_maps = local_maps_of(communicator_, *local_, result_.transmittance, kept_, settings_);
  local_.reset();
  if (covariance_) tell_types_apart();
}

void AreaAnalysis::combine_counts() {
  PatternCounts& own = result_.counts;
  auto counts = std::vector<std::int64_t>{own.total,   own.kept,      own.not_finite,     own.empty,
                                          own.no_disc, own.too_thick, own.wrong_thickness};
  communicator_.sum_in_place(std::span<std::int64_t>(counts));
  own = {counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6]};
  if (own.kept > 0) return;
  const Error error = input_error(
      "{}: none of {} patterns is left ({} with NaN or infinite pixels, {} empty, {} without a disc, {} below "
      "the transmittance {:.3f}, {} outside the thickness window): loosen the filters or check the data",
      result_.name, own.total, own.not_finite, own.empty, own.no_disc, own.too_thick,
      lowest_transmittance(geometry_, settings_), own.wrong_thickness);
  collectively(communicator_, [&] { throw error; });
}

void AreaAnalysis::combine_thickness_bins() {
  for (int bin = 0; bin < result_.thickness_bins.count(); ++bin) {
    ThicknessBinResult& here = result_.by_thickness.emplace_back();
    here.averages = statistics_->group_averages(bin);
    for (auto* values : {&here.size, &here.size_error, &here.area_fraction, &here.area_fraction_error}) {
      values->assign(static_cast<std::size_t>(k_range_.bins), nan);
    }
  }
  for (std::size_t position = 0; position < positions(); ++position) {
    if (kept_[position] == 0) continue;
    const double transmittance = result_.transmittance[position];
    auto& bin = result_.by_thickness[static_cast<std::size_t>(result_.thickness_bins.bin_of(transmittance))];
    bin.patterns += 1.0;
    bin.mean_transmittance += transmittance;
  }
  for (auto& bin : result_.by_thickness) bin.mean_transmittance /= bin.patterns;  // NaN where empty
}

void AreaAnalysis::tell_types_apart() {
  covariance_->reduce(communicator_);
  auto unmixing = separate_types(k_range_, *covariance_, shares_, result_);
  covariance_.reset();
  for (const WideKind& kind : result_.kinds) {
    if (kind.several()) warn(several_kinds_text(kind, result_.k_known));
  }
  if (result_.kinds.empty()) {
    log_.information("{}: types are not told apart, since no profiles over k describe what the maps show",
                     result_.name);
  }
  if (!unmixing.kinds.empty()) {
    type_maps_.emplace(std::move(unmixing), result_.grid, rows_.own_rows, scan_.scan_ny, scan_.scan_nx);
  }
}

void AreaAnalysis::measure_maps(int band, std::unique_ptr<MapStack> stack) {
  const auto timing = timers_.time("maps");
  const double processor_begun = processor_seconds();
  const int lag = largest_lag(scan_, settings_);
  describer_.emplace(scan_.scan_ny, scan_.scan_nx, settings_.angles, lag, kept_);
  const auto examples = choose_examples(result_.averages, settings_.angles, settings_.example_maps);
  for (auto first = stack->bins().begin; first < stack->bins().end; first += communicator_.size()) {
    const auto here = stack->exchange(communicator_, static_cast<int>(first), row_ranges_);
    const auto all = describe_all(communicator_, here, *describer_, settings_, MapDetail::speckles);
    for (std::size_t index = 0; index < all.size(); ++index) {
      keep_descriptors(static_cast<std::size_t>(first) + index, all[index]);
    }
    for (const auto& [bin, angle] : examples) {
      if (bin < first || bin >= std::min(first + communicator_.size(), stack->bins().end)) continue;
      ExampleMap example{bin, angle, std::vector<float>(positions())};
      const int owner = bin - static_cast<int>(first);
      if (communicator_.rank() == owner) here.front().copy_map(angle, example.relative);
      communicator_.broadcast(std::span<float>(example.relative), owner);
      result_.example_maps.push_back(std::move(example));
    }
  }
  result_.reading.maps_processor_s += processor_seconds() - processor_begun;
  const bool last_band = band + 1 == memory_.bands;
  if (!last_band || settings_.sizes_by_thickness) describer_.reset();  // room for patterns, or for those of the bins
  if (settings_.sizes_by_thickness) {
    describe_by_thickness(communicator_, *stack, row_ranges_, kept_, lag, settings_, result_);
  }
  if (type_maps_) type_maps_->add(std::move(stack));
}

void AreaAnalysis::keep_descriptors(std::size_t bin, const MapDescriptors& found) {
  result_.size[bin] = found.size;
  result_.size_error[bin] = found.size_error;
  result_.area_fraction[bin] = found.area_fraction;
  result_.area_fraction_error[bin] = found.area_fraction_error;
  result_.map_variance[bin] = found.variance;
  result_.map_noise_variance[bin] = found.noise_variance;
  result_.region_diameter[bin] = found.region_diameter;
  result_.region_diameter_error[bin] = found.region_diameter_error;
  result_.null_region_diameter[bin] = found.null_region_diameter;
  result_.fit_width[bin] = found.fit_width;
  result_.fit_width_error[bin] = found.fit_width_error;
  result_.null_fit_width[bin] = found.null_fit_width;
  result_.share_above[bin] = found.share_above;
  result_.null_share[bin] = found.null_share;
  std::copy(found.region_diameters.begin(), found.region_diameters.end(),
            result_.region_diameter_histogram.begin() + static_cast<std::ptrdiff_t>(bin * diameter_bins));
}

void AreaAnalysis::measure_types() {
  const auto timing = timers_.time("maps");
  const double processor_begun = processor_seconds();
  if (!describer_) {
    describer_.emplace(scan_.scan_ny, scan_.scan_nx, settings_.angles, largest_lag(scan_, settings_), kept_);
  }
  describe_separated(communicator_, *type_maps_, row_ranges_, *describer_, settings_, result_);
  result_.reading.maps_processor_s += processor_seconds() - processor_begun;
}

void AreaAnalysis::to_lengths() {
  const double probe = result_.scan_step_known ? settings_.probe_fwhm_nm : 0.0;
  // False where the width is not larger than the probe: no size then.
  const auto to_length = [&](double& width, double& error) {
    if (!std::isfinite(width)) return true;
    const double blurred = width * result_.scan_step_nm;
    const double squared = blurred * blurred - probe * probe;
    width = squared > 0.0 ? std::sqrt(squared) : nan;
    error *= result_.scan_step_nm * blurred / width;
    return squared > 0.0;
  };
  std::vector<double> unused(result_.size.size(), nan);
  const auto all_to_lengths = [&](std::vector<double>& widths, std::vector<double>& errors) {
    int lost = 0;
    for (std::size_t bin = 0; bin < widths.size(); ++bin) lost += to_length(widths[bin], errors[bin]) ? 0 : 1;
    return lost;
  };
  const int below_probe = all_to_lengths(result_.size, result_.size_error);
  for (auto& bin : result_.by_thickness) all_to_lengths(bin.size, bin.size_error);
  for (SeparatedType& type : result_.separated) to_length(type.size, type.size_error);
  all_to_lengths(result_.region_diameter, result_.region_diameter_error);
  all_to_lengths(result_.fit_width, result_.fit_width_error);
  all_to_lengths(result_.null_region_diameter, unused);
  all_to_lengths(result_.null_fit_width, unused);
  if (below_probe > 0) {
    warn(fmt::format("at {} of {} k the speckles are not larger than the probe ({:.3g} nm): no size there", below_probe,
                     k_range_.bins, probe));
  }
}

}  // namespace

AreaResult analyse_area(const Communicator& communicator, const scan::ScanReader& reader, const AreaGeometry& geometry,
                        const KRange& k_range, const ThicknessBins& thickness_bins, const AnalysisSettings& settings,
                        const Log& log, PhaseTimers& timers) {
  return AreaAnalysis(communicator, reader, geometry, k_range, thickness_bins, settings, log, timers).run();
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
