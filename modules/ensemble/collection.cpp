#include "ensemble/collection.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/hdf5_file.hpp"
#include "ensemble/statistics.hpp"

namespace mesoglass::ensemble {

namespace {

// Resampling is a means of computing, not a part of the experiment: one seed for all ensembles.
constexpr std::uint64_t resampling_seed = 1;

// A row's numbers in one place, for reading, sharing among ranks and writing.
struct RowColumn {
  const char* name;
  double RunRow::*member;
  const char* unit;
  const char* description;
};
constexpr RowColumn row_columns[] = {
    {"peak_stress_gpa", &RunRow::peak_stress_gpa, "GPa", "largest axial stress"},
    {"peak_strain", &RunRow::peak_strain, "1", "strain at the largest stress"},
    {"flow_stress_gpa", &RunRow::flow_stress_gpa, "GPa", "flow stress"},
    {"percolation_strain", &RunRow::percolation_strain, "1",
     "true strain of the steepest slope of the largest connected free volume"},
    {"elastic_energy_ev", &RunRow::elastic_energy_ev, "eV", "elastic energy at the end"},
    {"dissipated_work_ev", &RunRow::dissipated_work_ev, "eV", "dissipated work at the end"},
    {"wall_time_s", &RunRow::wall_time_s, "s", "wall time of the run (of its last session)"},
};

constexpr double RunRow::*quantity_members[quantity_count] = {&RunRow::peak_stress_gpa, &RunRow::percolation_strain,
                                                              &RunRow::flow_stress_gpa};

struct RunCurves {
  std::vector<double> strain;
  std::vector<double> stress;
  std::vector<double> largest_cfv;
};

// Reads one complete run on this rank alone.
RunCurves read_run(const Communicator& self, const EnsembleDesign& design, std::int64_t run,
                   const std::filesystem::path& path, RunRow& row) {
  const auto file = Hdf5File::open(self, path);
  file.check_format("mesoglass deform", 1);
  if (file.read_text("/provenance/configuration") != run_configuration(design, run)) {
    throw input_error(
        "{} was made by another design (its options differ): collect it with that design, or remove it and "
        "run this one again",
        path.string());
  }
  row.peak_stress_gpa = file.attribute_real("/outcome", "peak_stress_gpa");
  row.peak_strain = file.attribute_real("/outcome", "peak_strain");
  row.flow_stress_gpa = file.attribute_real("/outcome", "flow_stress_gpa");
  row.percolation_strain = file.attribute_real("/outcome", "percolation_strain");
  row.wall_time_s = file.attribute_real("/provenance", "wall_time_s");
  RunCurves curves;
  curves.strain = file.read<double>("/history/strain");
  curves.stress = file.read<double>("/history/axial_stress");
  curves.largest_cfv = file.read<double>("/history/largest_cfv");
  const auto elastic = file.read<double>("/history/elastic_energy");
  const auto dissipated = file.read<double>("/history/dissipated_work");
  const std::size_t rows = curves.strain.size();
  if (rows == 0 || curves.stress.size() != rows || curves.largest_cfv.size() != rows || elastic.size() != rows ||
      dissipated.size() != rows) {
    throw input_error(
        "{}: the columns of /history are empty or differ in length: the file is damaged, remove it and run "
        "the ensemble again",
        path.string());
  }
  row.elastic_energy_ev = elastic.back();
  row.dissipated_work_ev = dissipated.back();
  return curves;
}

// Each row is known to one rank; the others hold zeros.
void share_rows(const Communicator& communicator, std::vector<RunRow>& runs) {
  for (const auto& column : row_columns) {
    std::vector<double> values;
    for (const auto& row : runs) values.push_back(row.*column.member);
    communicator.sum_in_place(std::span<double>(values));
    for (std::size_t run = 0; run < runs.size(); ++run) runs[run].*column.member = values[run];
  }
  for (std::size_t run = 0; run < runs.size(); ++run) {
    const int owner = static_cast<int>(run % static_cast<std::size_t>(communicator.size()));
    runs[run].status = communicator.broadcast(runs[run].status, owner);
    if (runs[run].status == RunStatus::failed) runs[run].reason = communicator.broadcast_text(runs[run].reason, owner);
  }
}

struct PointStatistics {
  std::vector<double> mean;
  std::vector<double> standard_error;
};

PointStatistics curve_statistics(const EnsembleDesign& design, const Collection& collection,
                                 const std::vector<double>& curves) {
  const std::size_t points = collection.strain.size();
  const std::size_t group_count = design.groups.size();
  PointStatistics result;
  for (std::size_t group = 0; group < group_count; ++group) {
    for (std::size_t point = 0; point < points; ++point) {
      std::vector<double> values;
      for (std::size_t run = group; run < collection.runs.size(); run += group_count) {
        const double value = curves[run * points + point];
        if (std::isfinite(value)) values.push_back(value);
      }
      result.mean.push_back(mean(values));
      result.standard_error.push_back(standard_error(values));
    }
  }
  return result;
}

}  // namespace

std::vector<double> on_common_strain(const std::vector<double>& run_strain, const std::vector<double>& run_values,
                                     const std::vector<double>& grid) {
  std::size_t usable = run_strain.empty() ? 0 : 1;
  while (usable < run_strain.size() && run_strain[usable] >= run_strain[usable - 1]) ++usable;
  std::vector<double> result;
  std::size_t above = 0;
  for (const double strain : grid) {
    while (above < usable && run_strain[above] < strain) ++above;
    if (above == usable || (above == 0 && run_strain[0] > strain)) {
      result.push_back(no_number);
    } else if (above == 0 || run_strain[above] == strain) {
      result.push_back(run_values[above]);
    } else {
      const double share = (strain - run_strain[above - 1]) / (run_strain[above] - run_strain[above - 1]);
      result.push_back(run_values[above - 1] + share * (run_values[above] - run_values[above - 1]));
    }
  }
  return result;
}

std::vector<GroupRow> group_statistics(const EnsembleDesign& design, const std::vector<RunRow>& runs) {
  const std::size_t group_count = design.groups.size();
  const auto values_of = [&](std::size_t group, std::size_t quantity) {
    std::vector<double> values;
    for (std::size_t run = group; run < runs.size(); run += group_count) {
      const double value = runs[run].*quantity_members[quantity];
      if (runs[run].status == RunStatus::complete && std::isfinite(value)) values.push_back(value);
    }
    return values;
  };
  std::size_t reference = 0;
  while (design.groups[reference].name != design.reference) ++reference;

  std::vector<GroupRow> rows(group_count);
  for (std::size_t group = 0; group < group_count; ++group) {
    for (std::size_t run = group; run < runs.size(); run += group_count) {
      if (runs[run].status == RunStatus::complete) ++rows[group].complete_runs;
    }
    for (std::size_t quantity = 0; quantity < quantity_count; ++quantity) {
      auto& result = rows[group].quantities[quantity];
      const auto values = values_of(group, quantity);
      const auto stream = static_cast<std::uint32_t>(group * quantity_count + quantity);
      result.values = static_cast<std::int64_t>(values.size());
      result.mean = mean(values);
      result.standard_deviation = standard_deviation(values);
      result.standard_error = standard_error(values);
      const auto interval = mean_interval(values, design.confidence, design.resamples, resampling_seed, stream);
      result.interval_low = interval.low;
      result.interval_high = interval.high;
      if (group == reference) continue;
      const auto compared = values_of(reference, quantity);
      result.effect_size = hedges_g(values, compared);
      result.p_value = permutation_p_value(values, compared, design.resamples, resampling_seed, stream);
      result.required_runs = runs_for_power(result.effect_size, design.confidence, design.power);
    }
  }
  return rows;
}

Collection collect_runs(const Communicator& communicator, const EnsembleDesign& design,
                        const std::filesystem::path& runs_folder) {
  const auto self = Communicator::self();
  const auto run_count = static_cast<std::size_t>(design.run_count());
  Collection collection;
  RunRow zeros;
  for (const auto& column : row_columns) zeros.*column.member = 0.0;
  collection.runs.assign(run_count, zeros);

  std::vector<RunCurves> curves(run_count);
  double largest_strain = 0.0;
  const auto first = static_cast<std::size_t>(communicator.rank());
  const auto stride = static_cast<std::size_t>(communicator.size());
  collectively(communicator, [&] {
    for (std::size_t run = first; run < run_count; run += stride) {
      const auto number = static_cast<std::int64_t>(run);
      const auto path = run_file(runs_folder, design, number);
      RunRow row;
      row.status = run_status(path);
      if (row.status == RunStatus::failed) row.reason = read_failure(path).reason;
      if (row.status == RunStatus::complete) {
        try {
          curves[run] = read_run(self, design, number, path, row);
          largest_strain =
              std::max(largest_strain, *std::max_element(curves[run].strain.begin(), curves[run].strain.end()));
        } catch (const Error& error) {
          row = RunRow{};
          row.status = RunStatus::failed;
          row.reason = error.what();
          curves[run] = {};
        }
      }
      collection.runs[run] = row;
    }
  });
  largest_strain = communicator.max(largest_strain);
  share_rows(communicator, collection.runs);

  const auto points = static_cast<std::size_t>(design.curve_points);
  for (std::size_t point = 0; point < points; ++point) {
    collection.strain.push_back(largest_strain * static_cast<double>(point) / static_cast<double>(points - 1));
  }
  collection.stress.assign(run_count * points, 0.0);
  collection.largest_cfv.assign(run_count * points, 0.0);
  for (std::size_t run = first; run < run_count; run += stride) {
    const auto at = static_cast<std::ptrdiff_t>(run * points);
    const auto stress = on_common_strain(curves[run].strain, curves[run].stress, collection.strain);
    const auto cfv = on_common_strain(curves[run].strain, curves[run].largest_cfv, collection.strain);
    std::copy(stress.begin(), stress.end(), collection.stress.begin() + at);
    std::copy(cfv.begin(), cfv.end(), collection.largest_cfv.begin() + at);
  }
  communicator.sum_in_place(std::span<double>(collection.stress));
  communicator.sum_in_place(std::span<double>(collection.largest_cfv));

  collection.groups = group_statistics(design, collection.runs);
  auto stress = curve_statistics(design, collection, collection.stress);
  auto cfv = curve_statistics(design, collection, collection.largest_cfv);
  collection.stress_mean = std::move(stress.mean);
  collection.stress_standard_error = std::move(stress.standard_error);
  collection.largest_cfv_mean = std::move(cfv.mean);
  collection.largest_cfv_standard_error = std::move(cfv.standard_error);
  return collection;
}

void write_collection(const Communicator& communicator, const std::filesystem::path& path, const EnsembleDesign& design,
                      const std::filesystem::path& runs_folder, const Collection& collection,
                      const Provenance& provenance) {
  auto file = Hdf5File::create(communicator, path);
  file.write_format("mesoglass ensemble", 1, 0);

  std::vector<std::string> groups;
  std::vector<std::int64_t> seeds;
  std::vector<std::string> statuses;
  std::vector<std::string> reasons;
  std::vector<std::string> files;
  for (std::int64_t run = 0; run < design.run_count(); ++run) {
    const auto& row = collection.runs[static_cast<std::size_t>(run)];
    groups.push_back(design.group_of(run).name);
    seeds.push_back(design.seed_of(run));
    statuses.emplace_back(status_name(row.status));
    reasons.push_back(row.reason);
    files.push_back(run_file(runs_folder, design, run).string());
  }
  file.write_texts("/runs/group", groups, "group of the run");
  file.write("/runs/seed", seeds, "1", "seed of the run");
  file.write_texts("/runs/status", statuses, "complete, failed or missing");
  file.write_texts("/runs/reason", reasons, "why a run failed");
  file.write_texts("/runs/file", files, "the run's deform.h5");
  for (const auto& column : row_columns) {
    std::vector<double> values;
    for (const auto& row : collection.runs) values.push_back(row.*column.member);
    file.write(std::string("/runs/") + column.name, values, column.unit, column.description);
  }

  const auto points = static_cast<std::uint64_t>(collection.strain.size());
  const Shape by_run = {static_cast<std::uint64_t>(collection.runs.size()), points};
  const Shape by_group = {static_cast<std::uint64_t>(collection.groups.size()), points};
  using Values = std::span<const double>;
  file.write("/curves/strain", collection.strain, "1", "common strain grid");
  file.write("/curves/stress", by_run, Values(collection.stress), "GPa", "axial stress; NaN beyond a run's end");
  file.write("/curves/largest_cfv", by_run, Values(collection.largest_cfv), "nm^3", "largest connected free volume");
  file.write("/group_curves/stress_mean", by_group, Values(collection.stress_mean), "GPa", "mean of the group's runs");
  file.write("/group_curves/stress_standard_error", by_group, Values(collection.stress_standard_error), "GPa",
             "standard error of the mean");
  file.write("/group_curves/largest_cfv_mean", by_group, Values(collection.largest_cfv_mean), "nm^3",
             "mean of the group's runs");
  file.write("/group_curves/largest_cfv_standard_error", by_group, Values(collection.largest_cfv_standard_error),
             "nm^3", "standard error of the mean");

  std::vector<std::string> names;
  std::vector<std::int64_t> complete;
  for (std::size_t group = 0; group < design.groups.size(); ++group) {
    names.push_back(design.groups[group].name);
    complete.push_back(collection.groups[group].complete_runs);
  }
  file.write_texts("/groups/name", names, "name of the group");
  file.write("/groups/runs", complete, "1", "complete runs");
  file.set_attribute("/groups", "confidence", design.confidence);
  file.set_attribute("/groups", "power", design.power);
  file.set_attribute("/groups", "reference", design.reference);
  file.set_attribute("/groups", "resamples", std::int64_t{design.resamples});
  for (std::size_t quantity = 0; quantity < quantity_count; ++quantity) {
    const std::string unit = std::string(quantity_names[quantity]).ends_with("_gpa") ? "GPa" : "1";
    const auto column = [&](const char* suffix, auto member, const std::string& column_unit, const char* description) {
      using Value = std::decay_t<decltype(std::declval<QuantityStatistics>().*member)>;
      std::vector<Value> values;
      for (const auto& row : collection.groups) values.push_back(row.quantities[quantity].*member);
      file.write(fmt::format("/groups/{}_{}", quantity_names[quantity], suffix), values, column_unit, description);
    };
    using Q = QuantityStatistics;
    column("values", &Q::values, "1", "runs that have the quantity");
    column("mean", &Q::mean, unit, "mean");
    column("standard_deviation", &Q::standard_deviation, unit, "standard deviation of the runs");
    column("standard_error", &Q::standard_error, unit, "standard error of the mean");
    column("interval_low", &Q::interval_low, unit, "lower end of the mean's confidence interval");
    column("interval_high", &Q::interval_high, unit, "upper end");
    column("effect_size", &Q::effect_size, "1", "Hedges' g against the reference group");
    column("p_value", &Q::p_value, "1", "two-sided permutation test against the reference group");
    column("required_runs", &Q::required_runs, "1", "runs a group for the wanted power at this effect size");
  }
  provenance.write(file);
  file.close();
}

}  // namespace mesoglass::ensemble
