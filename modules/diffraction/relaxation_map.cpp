#include "diffraction/relaxation_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "diffraction/intensity_correlation.hpp"
#include "diffraction/local_maps.hpp"
#include "diffraction/order_free_sum.hpp"
#include "diffraction/pattern_judge.hpp"
#include "diffraction/pattern_pass.hpp"
#include "scan/row_blocks.hpp"
#include "scan/row_stream.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_sectors = 9;
constexpr std::size_t blocks_a_side = 5;  // of the scan, for the error of the mean
constexpr std::size_t blocks = blocks_a_side * blocks_a_side;
constexpr double read_bytes = 2.0 * 1024.0 * 1024.0;  // of one frame's rows
constexpr std::size_t tables_kept = 64;
constexpr double table_bytes_a_sample = 4.0 + 16.0 + 1.0;

// The samples of a ring in the order in which sectors of angles are ranges. Friedel opposites are in one sector, since
// they say the same.
struct SectorOrder {
  std::vector<std::size_t> samples;  // places in (bin, angle)
  std::vector<Range> sectors;
};

SectorOrder order_by_sector(const PolarGrid& ring) {
  SectorOrder order;
  const auto angles = static_cast<std::size_t>(ring.angles);
  const std::size_t half = angles / 2;
  const std::size_t sectors = std::min(most_sectors, half);
  for (std::size_t sector = 0; sector < sectors; ++sector) {
    const auto begin = static_cast<std::int64_t>(order.samples.size());
    for (std::size_t bin = 0; bin < static_cast<std::size_t>(ring.bins); ++bin) {
      for (std::size_t angle = 0; angle < angles; ++angle) {
        if (angle % half * sectors / half == sector) order.samples.push_back(bin * angles + angle);
      }
    }
    order.sectors.push_back({begin, static_cast<std::int64_t>(order.samples.size())});
  }
  return order;
}

std::int64_t rows_read_at_once(const scan::ScanDescription& scan) {
  const double row_bytes = static_cast<double>(scan.values_per_row()) * sizeof(float);
  const auto rows = std::max({std::int64_t{1}, scan.row_alignment, static_cast<std::int64_t>(read_bytes / row_bytes)});
  return std::min(rows, scan.scan_ny);
}

// Positions whose samples of all frames are in memory together.
struct Task {
  Range rows;
  Range columns;
};

// Sums of the measured positions' correlations over the area, apart by block of the scan and sector of angles.
class AreaSums {
 public:
  AreaSums(std::size_t sectors, std::size_t lags, std::int64_t ny, std::int64_t nx, std::int64_t frames)
      : sectors_(sectors),
        lags_(lags),
        ny_(ny),
        nx_(nx),
        // g2 does not exceed the number of frames.
        sums_(2 * blocks * sectors * lags, static_cast<double>(ny * nx) * static_cast<double>(frames)),
        pair_deviations_(2, static_cast<double>(ny * nx) * static_cast<double>(frames)) {}

  // All positions weigh the same, whatever their intensity. The pairs' deviations are averaged as if what makes them
  // were the same at all positions.
  void add(std::int64_t row, std::int64_t column, const CorrelationSums& here) {
    double scale = 0.0;
    for (std::size_t sector = 0; sector < sectors_; ++sector) scale += here.means[sector * lags_];
    std::vector<double> terms;
    for (const double value : here.products) terms.push_back(value / scale);
    for (const double value : here.means) terms.push_back(value / scale);
    sums_.add(block_at(row, column) * terms.size(), terms);
    const double scatter[2] = {here.pair_deviation, 1.0};
    pair_deviations_.add(0, scatter);
  }
  // Collective.
  void reduce(const Communicator& communicator) {
    sums_.reduce(communicator);
    pair_deviations_.reduce(communicator);
  }

  // Over all blocks but one.
  [[nodiscard]] CorrelationSums total(std::optional<std::size_t> left_out = std::nullopt) const {
    const std::size_t count = sectors_ * lags_;
    CorrelationSums result{sectors_, lags_, std::vector<double>(count, 0.0), std::vector<double>(count, 0.0)};
    for (std::size_t block = 0; block < blocks; ++block) {
      if (left_out && block == *left_out) continue;
      for (std::size_t i = 0; i < count; ++i) {
        result.products[i] += sums_[2 * count * block + i];
        result.means[i] += sums_[2 * count * block + count + i];
      }
    }
    result.pair_deviation = pair_deviations_[0] / std::max(1.0, pair_deviations_[1]);
    return result;
  }
  [[nodiscard]] bool has(std::size_t block) const {
    const std::size_t count = sectors_ * lags_;
    double mean = 0.0;
    for (std::size_t i = 0; i < count; ++i) mean += sums_[2 * count * block + count + i];
    return mean > 0.0;
  }

 private:
  [[nodiscard]] std::size_t block_at(std::int64_t row, std::int64_t column) const {
    constexpr auto side = static_cast<std::int64_t>(blocks_a_side);
    return static_cast<std::size_t>(row * side / ny_ * side + column * side / nx_);
  }
  std::size_t sectors_, lags_;
  std::int64_t ny_, nx_;
  OrderFreeSums sums_;
  OrderFreeSums pair_deviations_;  // their sum, and how many
};

std::vector<std::vector<double>> without_each_sector(const CorrelationSums& sums) {
  std::vector<std::vector<double>> without;
  for (std::size_t sector = 0; sector < sums.sectors; ++sector) without.push_back(sums.g2(sector));
  return without;
}

// The area's mean: the larger of the errors from leaving out sectors of angles and blocks of the scan.
MeasuredRelaxation measure_mean(const FiniteSeriesModel& model, const AreaSums& sums, std::span<const double> g2,
                                double least_significance) {
  const CorrelationSums total = sums.total();
  std::vector<std::vector<double>> without_blocks;
  for (std::size_t block = 0; block < blocks; ++block) {
    if (sums.has(block)) without_blocks.push_back(sums.total(block).g2());
  }
  constexpr std::size_t enough_blocks = 4;
  if (without_blocks.size() < enough_blocks) {
    return measure_relaxation(model, g2, without_each_sector(total), total.pair_deviation, least_significance);
  }
  // Neighbouring positions share speckles, so what frames in random order would give is not known.
  MeasuredRelaxation result =
      measure_relaxation(model, g2, without_each_sector(total), std::nullopt, least_significance);
  const MeasuredRelaxation other = measure_relaxation(model, g2, without_blocks, std::nullopt, least_significance);
  result.significance = std::min(result.significance, other.significance);
  for (std::size_t lag = 0; lag < g2.size(); ++lag) {
    result.g2_error[lag] = std::fmax(result.g2_error[lag], other.g2_error[lag]);
  }
  if (result.state == RelaxationState::determined && other.state != RelaxationState::determined) {
    result.state = other.state;
    result.value = result.error = other.value;
  }
  result.error.contrast = std::fmax(result.error.contrast, other.error.contrast);
  result.error.time = std::fmax(result.error.time, other.error.time);
  result.error.stretching = std::fmax(result.error.stretching, other.error.stretching);
  return result;
}

// Reads the ring's samples of a task's positions in every frame.
class TaskSamples {
 public:
  TaskSamples(const Task& task, std::int64_t frames, std::size_t samples)
      : task_(task),
        frames_(static_cast<std::size_t>(frames)),
        samples_(samples),
        values_(static_cast<std::size_t>(task.rows.size() * task.columns.size()) * frames_ * samples, 0.0F),
        kept_(static_cast<std::size_t>(task.rows.size() * task.columns.size()) * frames_, 0) {}

  [[nodiscard]] std::span<float> frame(std::int64_t row, std::int64_t column, std::int64_t frame) {
    kept_[place(row, column) * frames_ + static_cast<std::size_t>(frame)] = 1;
    return std::span<float>(values_).subspan(
        (place(row, column) * frames_ + static_cast<std::size_t>(frame)) * samples_, samples_);
  }
  [[nodiscard]] std::span<const float> values(std::int64_t row, std::int64_t column) const {
    return std::span<const float>(values_).subspan(place(row, column) * frames_ * samples_, frames_ * samples_);
  }
  [[nodiscard]] std::span<const std::uint8_t> kept(std::int64_t row, std::int64_t column) const {
    return std::span<const std::uint8_t>(kept_).subspan(place(row, column) * frames_, frames_);
  }

 private:
  [[nodiscard]] std::size_t place(std::int64_t row, std::int64_t column) const {
    return static_cast<std::size_t>((row - task_.rows.begin) * task_.columns.size() + column - task_.columns.begin);
  }
  Task task_;
  std::size_t frames_, samples_;
  std::vector<float> values_;
  std::vector<std::uint8_t> kept_;
};

}  // namespace

RelaxationPlan plan_relaxation(const scan::ScanDescription& scan, const AreaGeometry& geometry, const PolarGrid& k_grid,
                               int rank, int ranks, const AnalysisSettings& settings) {
  if (scan.time_frames < least_time_frames) {
    throw input_error("{}: a time series of {} frames is too short for a correlation in time (at least {} are needed)",
                      scan.path.string(), scan.time_frames, least_time_frames);
  }
  RelaxationPlan plan;
  const double k_per_pixel = scan.k_per_pixel_inverse_nm.value.value_or(1.0);
  const Range bins = choose_local_window(geometry, k_grid, settings, k_per_pixel, {}).ring;
  plan.ring = {k_grid.radius_px(static_cast<int>(bins.begin)), k_grid.radius_step_px, static_cast<int>(bins.size()),
               k_grid.angles};
  const auto samples = static_cast<double>(plan.ring.samples());
  const auto frames = static_cast<double>(scan.time_frames);
  plan.position_bytes = frames * (samples * sizeof(float) + 1.0);
  const auto lags = static_cast<double>(correlation_lags(scan.time_frames).size());
  const double row_bytes = static_cast<double>(scan.values_per_row()) * sizeof(float);
  const double beside = 2.0 * row_bytes * static_cast<double>(rows_read_at_once(scan)) +
                        static_cast<double>(tables_kept) * samples * table_bytes_a_sample +
                        static_cast<double>(scan.scan_ny * scan.scan_nx) * (lags * 2.0 * sizeof(double) + 128.0) +
                        2.0 * 16.0 * static_cast<double>(blocks * most_sectors) * lags;
  const double room = settings.memory_limit_bytes - beside;
  const double most_positions = std::floor(room / plan.position_bytes);
  if (most_positions < 1.0) {
    throw input_error(
        "--memory-limit {} is too little for the ring's {} samples of one position in {} frames: give {} or more, or "
        "fewer --angles or a narrower range of k (--local-k-min, --local-k-max)",
        bytes_text(settings.memory_limit_bytes), plan.ring.samples(), scan.time_frames,
        bytes_text(beside + plan.position_bytes));
  }
  scan::ScanDescription one_frame = scan;
  one_frame.time_frames = 1;
  constexpr double most_bytes = 9e18;
  const auto rows = scan::plan_row_blocks(
      one_frame, rank, ranks, static_cast<std::int64_t>(std::min(most_bytes, most_positions * plan.position_bytes)),
      static_cast<std::int64_t>(plan.position_bytes));
  plan.own_rows = rows.own_rows;
  plan.blocks = rows.blocks;
  plan.rows_a_block = std::min(rows.rows_per_block, std::max<std::int64_t>(1, rows.own_rows.size()));
  const auto pieces = static_cast<std::int64_t>(std::ceil(static_cast<double>(scan.scan_nx) / most_positions));
  for (std::int64_t piece = 0; piece < std::max<std::int64_t>(1, pieces); ++piece) {
    plan.columns.push_back({piece * scan.scan_nx / std::max<std::int64_t>(1, pieces),
                            (piece + 1) * scan.scan_nx / std::max<std::int64_t>(1, pieces)});
  }
  plan.total_bytes =
      beside + plan.position_bytes * std::min(most_positions, static_cast<double>(plan.rows_a_block * scan.scan_nx));
  return plan;
}

RelaxationResult analyse_relaxation(const Communicator& communicator, const scan::ScanReader& series,
                                    const AreaGeometry& geometry, const PolarGrid& k_grid,
                                    const AnalysisSettings& settings, const Log& log, PhaseTimers& timers) {
  const scan::ScanDescription& scan = series.description();
  const std::int64_t frames = scan.time_frames;
  const auto plan = collectively(communicator, [&] {
    return plan_relaxation(scan, geometry, k_grid, communicator.rank(), communicator.size(), settings);
  });
  RelaxationResult result;
  result.frames = frames;
  result.interval_known = scan.frame_interval_s.value.has_value();
  result.frame_interval_s = scan.frame_interval_s.value.value_or(1.0);
  const double k_per_pixel = scan.k_per_pixel_inverse_nm.value.value_or(1.0);
  result.k_low = plan.ring.radius_px(0) * k_per_pixel;
  result.k_high = plan.ring.radius_px(plan.ring.bins - 1) * k_per_pixel;
  result.lags = correlation_lags(frames);
  const std::size_t lags = result.lags.size();
  const FiniteSeriesModel model(frames, result.lags, settings.relaxation_stretching);
  const SectorOrder order = order_by_sector(plan.ring);

  std::vector<Task> tasks;
  std::vector<Range> reading;  // rows of all frames
  const std::int64_t at_once = rows_read_at_once(scan);
  for (const Range& rows : plan.blocks) {
    for (const Range& columns : plan.columns) {
      tasks.push_back({rows, columns});
      for (std::int64_t frame = 0; frame < frames; ++frame) {
        for (std::int64_t row = rows.begin; row < rows.end; row += at_once) {
          const std::int64_t first = frame * scan.scan_ny;
          reading.push_back({first + row, first + std::min(rows.end, row + at_once)});
        }
      }
    }
  }
  const auto own_positions = static_cast<std::size_t>(plan.own_rows.size() * scan.scan_nx);
  constexpr std::size_t numbers = 8;
  std::vector<double> own(own_positions * numbers, nan);
  std::vector<float> own_g2(own_positions * lags, std::numeric_limits<float>::quiet_NaN());
  AreaSums sums(order.sectors.size(), lags, scan.scan_ny, scan.scan_nx, frames);

  const auto finish = [&](const Task& task, const TaskSamples& samples) {
    const auto timing = timers.time("correlation in time");
    for (std::int64_t row = task.rows.begin; row < task.rows.end; ++row) {
      for (std::int64_t column = task.columns.begin; column < task.columns.end; ++column) {
        const auto place = static_cast<std::size_t>((row - plan.own_rows.begin) * scan.scan_nx + column);
        const auto kept = samples.kept(row, column);
        const auto present = std::accumulate(kept.begin(), kept.end(), std::int64_t{0});
        MeasuredRelaxation found;
        if (present >= least_time_frames && 2 * present >= frames) {
          const auto here = correlate_frames(samples.values(row, column), kept, result.lags, order.sectors);
          const auto g2 = here.g2();
          found = measure_relaxation(model, g2, without_each_sector(here), here.pair_deviation,
                                     settings.relaxation_significance);
          if (found.state != RelaxationState::not_measured) sums.add(row, column, here);
          std::copy(g2.begin(), g2.end(), own_g2.begin() + static_cast<std::ptrdiff_t>(place * lags));
        } else {
          found.value = found.error = {nan, nan, nan};
          found.significance = nan;
        }
        const double values[numbers] = {
            found.value.time,     found.error.time,     found.value.stretching, found.error.stretching,
            found.value.contrast, found.error.contrast, found.significance,     static_cast<double>(found.state)};
        std::copy(std::begin(values), std::end(values), own.begin() + static_cast<std::ptrdiff_t>(place * numbers));
      }
    }
  };

  collectively(communicator, [&] {
    scan::RowStream stream(series, reading, patterns_a_piece(scan));
    Progress progress(log, "time series",
                      static_cast<double>(own_positions * plan.columns.size()) * static_cast<double>(frames),
                      "patterns");
    const PatternJudge judge(geometry, settings);
    const std::vector<std::size_t> left_out = left_out_pixels(geometry.good);
    InterpolationTables tables(plan.ring, geometry.shape, geometry.ellipse, geometry.good, tables_kept);
    std::vector<float> polar(plan.ring.samples());
    const auto pixels = static_cast<std::size_t>(scan.pixels());
    double done = 0.0;
    for (const Task& task : tasks) {
      TaskSamples samples(task, frames, order.samples.size());
      const std::int64_t wanted = frames * task.rows.size() * scan.scan_nx;
      for (std::int64_t seen = 0; seen < wanted;) {
        const auto block = stream.next();
        if (!block) return;  // another rank has failed
        const auto timing = timers.time("time series");
        for (std::int64_t line = block->rows.begin; line < block->rows.end; ++line) {
          const std::int64_t row = line % scan.scan_ny, frame = line / scan.scan_ny;
          const Range columns{std::max(block->columns.begin, task.columns.begin),
                              std::min(block->columns.end, task.columns.end)};
          for (std::int64_t column = columns.begin; column < columns.end; ++column) {
            const auto place = static_cast<std::size_t>((line - block->rows.begin) * block->columns.size() + column -
                                                        block->columns.begin);
            const auto pattern = block->patterns.subspan(place * pixels, pixels);
            clear_not_finite(pattern, left_out);
            const auto judgement = judge.judge(pattern, row, column);
            if (judgement.verdict != Verdict::kept || !(judgement.scattered > 0.0)) continue;
            tables.at(pattern_centre(geometry, settings, row, column, judgement.disc_centre)).transform(pattern, polar);
            // Over what the pattern scatters: the beam's current drops out.
            const auto scale = static_cast<float>(1.0 / judgement.scattered);
            const auto target = samples.frame(row, column, frame);
            for (std::size_t i = 0; i < target.size(); ++i) target[i] = polar[order.samples[i]] * scale;
          }
        }
        const std::int64_t patterns = block->rows.size() * block->columns.size();
        seen += patterns;
        done += static_cast<double>(patterns);
        progress.update(done);
      }
      finish(task, samples);
    }
    timers.add("waiting for the disk", stream.waited_s());
  });

  const auto timing = timers.time("combine");
  const auto all = communicator.all_gather(std::span<const double>(own));
  result.g2 = communicator.all_gather(std::span<const float>(own_g2));
  const std::size_t positions = all.size() / numbers;
  const auto column_of = [&](std::size_t number, double unit) {
    std::vector<double> values(positions);
    for (std::size_t i = 0; i < positions; ++i) values[i] = all[i * numbers + number] * unit;
    return values;
  };
  result.time = column_of(0, result.frame_interval_s);
  result.time_error = column_of(1, result.frame_interval_s);
  result.stretching = column_of(2, 1.0);
  result.stretching_error = column_of(3, 1.0);
  result.contrast = column_of(4, 1.0);
  result.contrast_error = column_of(5, 1.0);
  result.significance = column_of(6, 1.0);
  for (std::size_t i = 0; i < positions; ++i) {
    const auto state = static_cast<std::size_t>(all[i * numbers + 7]);
    result.states.push_back(static_cast<RelaxationState>(state));
    ++result.counts[state];
  }
  sums.reduce(communicator);
  result.mean_g2 = sums.total().g2();
  result.mean = measure_mean(model, sums, result.mean_g2, settings.relaxation_significance);
  result.mean_g2_error = result.mean.g2_error;
  result.mean_fit.assign(lags, nan);
  if (result.mean.state == RelaxationState::determined) model.evaluate(result.mean.value, result.mean_fit);
  result.mean.value.time *= result.frame_interval_s;
  result.mean.error.time *= result.frame_interval_s;
  const Relaxation& value = result.mean.value;
  const Relaxation& error = result.mean.error;
  result.mean_numbers = {value.time, value.stretching, value.contrast};
  result.mean_number_errors = {error.time, error.stretching, error.contrast};
  return result;
}

const char* state_name(RelaxationState state) noexcept {
  switch (state) {
    case RelaxationState::determined:
      return "determined";
    case RelaxationState::not_measured:
      return "not measured";
    case RelaxationState::not_seen:
      return "no relaxation seen";
    case RelaxationState::too_fast:
      return "faster than a frame";
    case RelaxationState::too_slow:
      return "slower than the longest lag";
    case RelaxationState::undetermined:
      return "not determined";
  }
  return "";
}

LocalMap relaxation_time_map(const RelaxationResult& result) {
  LocalMap map{"relaxation_time", result.interval_known ? "s" : "frames",
               "tau of 1 + A exp(-2 (t/tau)^beta), the intensity correlation on the ring; NaN where it means nothing",
               std::vector<float>(result.time.begin(), result.time.end()), true};
  return map;
}

}  // namespace mesoglass::diffraction
