// Whole runs: energy, loading, observables.
#include "deformation/deformation_run.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "core/hdf5_file.hpp"
#include "deformation/engine.hpp"
#include "deformation/history.hpp"
#include "deformation/start_up_check.hpp"
#include "elasticity/stress_kernel.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"
#include "whole_runs.hpp"

namespace mesoglass::deformation {

namespace {

using test::communicator;
using test::everything_in;
using test::mixed_glass;
using test::no_provenance;

}  // namespace

// The elastic energy change of an event at constant mean stress, from the energy of the fields before and after, is
// -V f:e + E_self(e), E_self = -V/2 e:K(0):e, for a voxel amid others that have transformed.
TEST(DeformationRun, EventEnergyIsExact) {
  for (const int nz : {1, 6}) {
    const Communicator alone = Communicator::self();
    auto glass = test::matrix_glass(alone, 8, 6, nz);
    const auto parameters = test::parameters_for(glass);
    auto engine = make_engine(alone, parameters, glass);
    const auto& matrix = glass.types.front();
    const elasticity::StressKernel kernel(
        glass.grid,
        elasticity::isotropic_moduli(matrix.young_modulus_gpa, matrix.poisson_ratio, parameters.loading.body),
        elasticity::BasisKind::deviatoric, elasticity::KernelMean::zero_stress);
    RandomDraws draws{parameters.seed, 0};
    const double volume_ev = glass.grid.voxel_volume_nm3() * 6.241509074;
    engine->set_mean_stress(nz == 1 ? std::vector<double>{1.6, 0.0} : std::vector<double>{1.2, -0.7, 0.0, 0.0, 0.0});
    for (int event = 0; event < 40; ++event) {
      // Of several unstable voxels one at a time, so that each one's energy is seen.
      const auto unstable = engine->unstable();
      const auto step = unstable.empty() ? engine->next_event(1e300, draws) : ThermalStep{0.0, unstable.front()};
      ASSERT_TRUE(step.event.has_value());
      const auto flip = *step.event;
      const auto width = static_cast<std::size_t>(engine->state().components);
      const std::span<const double> strain(flip.strain.data(), width);
      double fluctuation = 0.0;
      for (std::size_t c = 0; c < width; ++c) {
        fluctuation += strain[c] * engine->state().stress_fluctuation[engine->state().at(
                                       static_cast<int>(c), static_cast<std::size_t>(flip.voxel))];
      }
      const double expected = volume_ev * (-fluctuation - 0.5 * kernel.self_response(strain));
      const double before = engine->fluctuation_energy_ev();
      const double work = engine->transform(std::span(&flip, 1));
      const double change = engine->fluctuation_energy_ev() - before;
      EXPECT_NEAR(change, expected, 1e-7 * std::max(std::fabs(expected), std::fabs(before)));  // CODATA digits above
      EXPECT_NEAR(work, -change, 1e-10 * std::max(1.0, std::fabs(before)));
    }
  }
}

// The stress of a batch that goes through the Fourier solver equals that of single superpositions.
TEST(DeformationRun, BatchedAndSingleStressUpdatesAgree) {
  auto glass = test::matrix_glass(communicator(), 16, 12, 1);
  const auto parameters = test::parameters_for(glass);
  auto batched = make_engine(communicator(), parameters, glass);
  auto single = make_engine(communicator(), parameters, glass);
  std::vector<Transformation> flips;
  for (std::int64_t voxel = 0; voxel < 192; voxel += 2) {
    Transformation flip;
    flip.voxel = voxel;
    flip.strain[0] = 0.01 * std::cos(static_cast<double>(voxel));
    flip.strain[1] = 0.02 * std::sin(static_cast<double>(voxel));
    flips.push_back(flip);
  }
  ASSERT_GT(flips.size(), 64U);
  const double batched_work = batched->transform(flips);
  double single_work = 0.0;
  for (const auto& flip : flips) single_work += single->transform(std::span(&flip, 1));
  EXPECT_NEAR(batched_work, single_work, 1e-10);
  for (std::size_t i = 0; i < batched->state().stress_fluctuation.size(); ++i) {
    EXPECT_NEAR(batched->state().stress_fluctuation[i], single->state().stress_fluctuation[i], 1e-11);
  }
}

// Tension: elastic slope of the body, the balance of energy to 1e-6 of the work, and lateral stresses exactly zero.
TEST(DeformationRun, TensionBalancesItsEnergy) {
  struct Case {
    std::int64_t nz;
    elasticity::Body body;
    double slope_gpa;
  };
  const double young = 69.46;
  const double nu = 0.365;
  for (const auto& [nz, body, slope] :
       {Case{1, elasticity::Body::plane_stress, young}, Case{1, elasticity::Body::plane_strain, young / (1 - nu * nu)},
        Case{1, elasticity::Body::legacy_2d, young}, Case{8, elasticity::Body::solid, 88.6}}) {
    auto glass = nz == 1 ? mixed_glass(communicator(), 24, 24, 1) : mixed_glass(communicator(), 8, 8, nz);
    auto parameters = test::parameters_for(glass);
    parameters.loading.body = body;
    parameters.loading.final_strain = 0.06;
    parameters.observables.record_strain = 5e-4;
    const auto output = test::scratch_folder() / "deform.h5";
    const auto outcome =
        run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
    const auto file = Hdf5File::open(communicator(), output);
    const auto strain = file.read<double>("/history/strain");
    const auto stress = file.read<double>("/history/axial_stress");
    const auto elastic = file.read<double>("/history/elastic_energy");
    const auto work = file.read<double>("/history/external_work");
    const auto dissipated = file.read<double>("/history/dissipated_work");
    ASSERT_EQ(strain.size(), 121U);
    EXPECT_NEAR(strain[1], 5e-4, 1e-12);
    EXPECT_NEAR(stress[1] / strain[1], slope, 0.02 * slope);  // hardly an event yet
    EXPECT_GT(outcome.events, 100);
    for (std::size_t row = 0; row < strain.size(); ++row) {
      EXPECT_NEAR(elastic[row], work[row] - dissipated[row], 1e-6 * work.back());
    }
    for (const char* component : {"stress_yy", "stress_yz", "stress_xz", "stress_xy"}) {
      for (const double value : file.read<double>(std::string("/history/") + component)) EXPECT_EQ(value, 0.0);
    }
    // The first step's work is the elastic energy of the slope: V/2 E strain^2.
    const double volume = glass.grid.voxel_volume_nm3() * static_cast<double>(glass.grid.voxel_count());
    EXPECT_NEAR(work[1], 0.5 * slope * 5e-4 * 5e-4 * volume * 6.241509074, 0.03 * work[1]);
  }
}

// The log is the run: replaying the events gives the plastic strain, and history counts them.
TEST(DeformationRun, EventLogReplaysToTheSnapshot) {
  auto glass = mixed_glass(communicator(), 24, 20, 1);
  auto parameters = test::parameters_for(glass);
  parameters.loading.final_strain = 0.055;
  const auto output = test::scratch_folder() / "deform.h5";
  const auto outcome =
      run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
  const auto file = Hdf5File::open(communicator(), output);
  const auto voxel = file.read<std::int64_t>("/events/voxel");
  const auto generation = file.read<std::int64_t>("/events/generation");
  const auto increment = file.read<double>("/events/strain_increment");
  const auto avalanche = file.read<std::int64_t>("/events/avalanche");
  const auto barrier = file.read<double>("/events/barrier");
  const auto plastic = file.read<double>("/snapshots/000/plastic_strain");
  const auto last_generation = file.read<std::int64_t>("/snapshots/000/generation");
  const auto size = file.read<std::int64_t>("/avalanches/size");
  ASSERT_EQ(static_cast<std::int64_t>(voxel.size()), outcome.events);
  std::vector<double> replayed(plastic.size(), 0.0);
  std::vector<std::int64_t> count(last_generation.size(), 0);
  std::vector<std::int64_t> sizes(size.size(), 0);
  for (std::size_t event = 0; event < voxel.size(); ++event) {
    const auto v = static_cast<std::size_t>(voxel[event]);
    EXPECT_EQ(generation[event], count[v]);
    ++count[v];
    for (std::size_t c = 0; c < 6; ++c) replayed[6 * v + c] += increment[6 * event + c];
    if (avalanche[event] >= 0) {
      ++sizes[static_cast<std::size_t>(avalanche[event])];
      EXPECT_LT(barrier[event], 0.0);
    } else {
      EXPECT_GE(barrier[event], 0.0);
    }
  }
  EXPECT_EQ(count, last_generation);
  EXPECT_EQ(sizes, size);
  ASSERT_GT(size.size(), 5U);
  for (std::size_t i = 0; i < plastic.size(); ++i) EXPECT_NEAR(replayed[i], plastic[i], 1e-6);  // stored as float
  // The snapshot's stress is an independent elastic solve: its mean is the recorded mean stress.
  const auto stress = file.read<double>("/snapshots/000/stress");
  double mean = 0.0;
  for (std::size_t v = 0; v < count.size(); ++v) mean += stress[6 * v] / static_cast<double>(count.size());
  EXPECT_NEAR(mean, file.read<double>("/history/axial_stress").back(), 1e-5);
  const auto largest = file.read<std::int64_t>("/snapshots/000/largest_cfv");
  EXPECT_EQ(std::count(largest.begin(), largest.end(), 1),
            file.read<std::int64_t>("/history/largest_cfv_voxels").back());
}

// Every loading does what it says.
TEST(DeformationRun, LoadingsFollowTheirProgram) {
  const auto folder = test::scratch_folder();
  auto glass = mixed_glass(communicator(), 16, 16, 1);
  int number = 0;
  const auto run = [&](const DeformationParameters& parameters) {
    const auto output = folder / fmt::format("run{}.h5", number++);
    (void)run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
    return output;
  };
  const auto column = [&](const std::filesystem::path& output, const std::string& name) {
    return Hdf5File::open(communicator(), output).read<double>("/history/" + name);
  };
  auto parameters = test::parameters_for(glass);
  parameters.loading.final_strain = 0.05;

  parameters.loading.kind = LoadingKind::compression;
  auto output = run(parameters);
  EXPECT_NEAR(column(output, "strain").back(), -0.05, 1e-12);
  EXPECT_LT(column(output, "axial_stress").back(), -1.0);
  EXPECT_NEAR(column(output, "true_strain").back(), std::log(0.95), 1e-12);

  parameters.loading.kind = LoadingKind::simple_shear;
  output = run(parameters);
  EXPECT_NEAR(column(output, "strain").back(), 0.05, 1e-12);
  // sigma_xy = 2 mu e_xy = mu gamma.
  const double shear = 69.46 / (2.0 * 1.365);
  EXPECT_NEAR(column(output, "stress_xy").at(5) / column(output, "strain").at(5), shear, 0.02 * shear);
  EXPECT_EQ(column(output, "time").back(), 500.0);

  parameters.loading.kind = LoadingKind::relaxation;
  parameters.loading.final_strain = 0.035;
  parameters.loading.hold_time_s = 1e5;
  output = run(parameters);
  {
    const auto strain = column(output, "strain");
    const auto stress = column(output, "axial_stress");
    ASSERT_EQ(strain.size(), 1U + 175U + 200U);
    EXPECT_NEAR(strain[175], 0.035, 1e-12);
    EXPECT_EQ(strain.back(), strain[175]);
    EXPECT_LT(stress.back(), stress[175] - 0.01);
    EXPECT_NEAR(column(output, "time").back(), 350.0 + 1e5, 1e-6);
    const auto work = column(output, "external_work");
    EXPECT_NEAR(work.back(), work[175], 1e-9 * work.back());  // no strain, no work
  }

  parameters.loading.kind = LoadingKind::creep;
  parameters.loading.final_strain = 0.2;
  parameters.loading.creep_stress_gpa = 1.8;
  output = run(parameters);
  {
    const auto stress = column(output, "axial_stress");
    const auto strain = column(output, "strain");
    for (const double value : stress) EXPECT_EQ(value, 1.8);
    EXPECT_NEAR(strain.front(), 1.8 / 69.46, 2e-3);  // elastic, and what happened at once
    EXPECT_GT(strain.back(), strain.front());
    const auto elastic = column(output, "elastic_energy");
    const auto work = column(output, "external_work");
    const auto dissipated = column(output, "dissipated_work");
    EXPECT_NEAR(elastic.back(), work.back() - dissipated.back(), 1e-6 * work.back());
  }

  parameters.loading.kind = LoadingKind::cyclic;
  parameters.loading.final_strain = 0.01;
  parameters.loading.cycles = 2;
  output = run(parameters);
  {
    const auto strain = column(output, "strain");
    EXPECT_NEAR(*std::max_element(strain.begin(), strain.end()), 0.01, 1e-12);
    EXPECT_NEAR(*std::min_element(strain.begin(), strain.end()), -0.01, 1e-12);
    EXPECT_NEAR(strain.back(), 0.0, 1e-12);
    EXPECT_NEAR(column(output, "time").back(), 800.0, 1e-6);
  }

  parameters = test::parameters_for(glass);
  parameters.observables.stop_stress_drop = 0.1;
  parameters.loading.final_strain = 0.1;
  output = run(parameters);
  EXPECT_EQ(read_outcome(communicator(), output).end, "stress drop");
  EXPECT_LT(std::fabs(column(output, "strain").back()), 0.1);
  parameters.observables.stop_stress_drop = 0.0;
  parameters.observables.stop_at_percolation = true;
  output = run(parameters);
  EXPECT_EQ(read_outcome(communicator(), output).end, "percolation");
}

// Below the first transformation (20 K, small strains) every loading is elasticity, in closed form: stress, lateral
// strain by the energy, work, times, number of rows.
TEST(DeformationRun, ElasticLoadingsAreExact) {
  const auto folder = test::scratch_folder();
  const double young = 88.6;
  const double nu = 0.371;
  const double shear = young / (2.0 + 2.0 * nu);
  auto glass = test::matrix_glass(communicator(), 4, 4, 4);
  const double volume = glass.grid.voxel_volume_nm3() * 64.0 * 6.241509074;
  int number = 0;
  const auto run = [&](LoadingKind kind) {
    auto parameters = test::parameters_for(glass);
    test::switch_softening_off(parameters);
    parameters.kinetics.temperature_k = 20.0;
    parameters.loading.kind = kind;
    parameters.loading.final_strain = 0.01;
    parameters.loading.strain_rate_per_s = 1e-3;
    parameters.loading.hold_time_s = 10.0;
    parameters.loading.creep_stress_gpa = 0.8;
    parameters.loading.cycles = 2;
    parameters.observables.record_strain = 1e-3;
    parameters.observables.hold_records = 20;
    const auto output = folder / fmt::format("elastic{}.h5", number++);
    const auto outcome =
        run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
    EXPECT_EQ(outcome.events, 0);
    return std::pair(outcome, everything_in(Communicator::self(), output));
  };
  const auto expect_all = [&](const std::map<std::string, std::vector<double>>& found, double slope,
                              const char* component, std::size_t rows) {
    const auto& strain = found.at("/history/strain");
    ASSERT_EQ(strain.size(), rows);
    for (std::size_t row = 0; row < rows; ++row) {
      EXPECT_NEAR(found.at("/history/axial_stress")[row], slope * strain[row], 1e-10);
      EXPECT_EQ(found.at("/history/axial_stress")[row], found.at(std::string("/history/stress_") + component)[row]);
      EXPECT_NEAR(found.at("/history/external_work")[row], 0.5 * slope * strain[row] * strain[row] * volume, 1e-6);
      EXPECT_NEAR(found.at("/history/elastic_energy")[row], found.at("/history/external_work")[row], 1e-6);
      EXPECT_EQ(found.at("/history/dissipated_work")[row], 0.0);
      EXPECT_EQ(found.at("/history/largest_cfv")[row], 0.0);
    }
  };
  {
    const auto [outcome, found] = run(LoadingKind::tension);
    expect_all(found, young, "xx", 11);
    EXPECT_EQ(outcome.end, "strain");
    EXPECT_NEAR(outcome.final_time_s, 10.0, 1e-12);
  }
  {
    const auto [outcome, found] = run(LoadingKind::compression);
    expect_all(found, young, "xx", 11);
    EXPECT_NEAR(outcome.final_strain, -0.01, 1e-15);
    EXPECT_NEAR(found.at("/history/true_strain").back(), std::log(0.99), 1e-15);
  }
  {
    const auto [outcome, found] = run(LoadingKind::simple_shear);
    expect_all(found, shear, "xy", 11);
    EXPECT_EQ(found.at("/history/stress_xx").back(), 0.0);
  }
  {
    const auto [outcome, found] = run(LoadingKind::relaxation);
    expect_all(found, young, "xx", 31);
    EXPECT_EQ(outcome.end, "time");
    EXPECT_NEAR(outcome.final_time_s, 20.0, 1e-9);
    EXPECT_EQ(found.at("/history/axial_stress").back(), found.at("/history/axial_stress")[10]);
  }
  {
    const auto [outcome, found] = run(LoadingKind::creep);
    for (const double stress : found.at("/history/axial_stress")) EXPECT_EQ(stress, 0.8);
    for (const double strain : found.at("/history/strain")) EXPECT_NEAR(strain, 0.8 / young, 1e-15);
    EXPECT_EQ(outcome.end, "time");
    EXPECT_NEAR(outcome.final_time_s, 10.0, 1e-12);
    EXPECT_NEAR(outcome.external_work_ev, 0.5 * 0.8 * 0.8 / young * volume, 1e-6);
  }
  {
    const auto [outcome, found] = run(LoadingKind::cyclic);
    expect_all(found, young, "xx", 1 + 2 * 40);
    EXPECT_NEAR(outcome.final_time_s, 80.0, 1e-9);
    EXPECT_NEAR(found.at("/history/strain")[10], 0.01, 1e-15);
    EXPECT_NEAR(found.at("/history/strain")[30], -0.01, 1e-15);
    EXPECT_NEAR(outcome.external_work_ev, 0.0, 1e-6);
  }
}

// With dilatation every transformation swells its voxel; the balance of energy holds with the full tensors, and free
// volume can be told by the swelling.
TEST(DeformationRun, DilatationSwellsAndBalances) {
  for (const int nz : {1, 6}) {
    auto glass = mixed_glass(communicator(), nz == 1 ? 20 : 6, nz == 1 ? 20 : 6, nz);
    glass.rules.dilatation = 0.15;
    auto parameters = test::parameters_for(glass);
    parameters.loading.final_strain = 0.055;
    parameters.observables.criterion = FreeVolumeCriterion::dilatation;
    parameters.observables.criterion_threshold = 0.1 * glass.types.front().gamma0;
    const auto output = test::scratch_folder() / fmt::format("dilatation{}.h5", nz);
    const auto outcome =
        run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
    EXPECT_GT(outcome.events, 50);
    const auto file = Hdf5File::open(communicator(), output);
    const auto work = file.read<double>("/history/external_work");
    const auto elastic = file.read<double>("/history/elastic_energy");
    const auto dissipated = file.read<double>("/history/dissipated_work");
    for (std::size_t row = 0; row < work.size(); ++row) {
      EXPECT_NEAR(elastic[row], work[row] - dissipated[row], 1e-6 * work.back());
    }
    const auto increment = file.read<double>("/events/strain_increment");
    double mean = 0.0;
    for (std::size_t event = 0; event < increment.size() / 6; ++event) {
      const double trace = increment[6 * event] + increment[6 * event + 1] + increment[6 * event + 2];
      EXPECT_GT(trace, 0.0);
      mean += trace / (static_cast<double>(increment.size()) / 6.0);
    }
    // |N(0,1)| has the mean 0.798; tension favours the modes that swell, so a little more.
    EXPECT_GT(mean, 0.7 * 0.15 * glass.types.front().gamma0);
    EXPECT_LT(mean, 1.8 * 0.15 * glass.types.front().gamma0);
    // The criterion, from the snapshot's own fields.
    const auto plastic = file.read<double>("/snapshots/000/plastic_strain");
    const auto largest = file.read<std::int64_t>("/snapshots/000/largest_cfv");
    std::int64_t marked = 0;
    for (std::size_t v = 0; v < largest.size(); ++v) {
      if (largest[v] == 0) continue;
      ++marked;
      EXPECT_GT(plastic[6 * v] + plastic[6 * v + 1] + plastic[6 * v + 2],
                parameters.observables.criterion_threshold - 1e-6);
    }
    EXPECT_EQ(marked, file.read<std::int64_t>("/history/largest_cfv_voxels").back());
    EXPECT_GT(marked, 0);
    // Clusters of the snapshot: sizes times numbers are the marked voxels and all the others with swelling enough.
    const auto sizes = file.read<std::int64_t>("/snapshots/000/cluster_voxels");
    const auto numbers = file.read<std::int64_t>("/snapshots/000/cluster_count");
    EXPECT_EQ(sizes.back(), marked);
    EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0}),
              file.read<std::int64_t>("/history/cfv_clusters").back());
  }
}

// An avalanche's row counts what its events say: transformations, different voxels, reversals.
TEST(DeformationRun, AvalancheRowsCountTheirEvents) {
  auto glass = mixed_glass(communicator(), 24, 24, 1);
  auto parameters = test::parameters_for(glass);
  parameters.loading.body = elasticity::Body::plane_strain;
  parameters.loading.final_strain = 0.065;
  const auto output = test::scratch_folder() / "avalanches.h5";
  (void)run_deformation(communicator(), parameters, glass, {output, IfExists::refuse, false}, no_provenance());
  const auto file = Hdf5File::open(communicator(), output);
  const auto avalanche = file.read<std::int64_t>("/events/avalanche");
  const auto voxel = file.read<std::int64_t>("/events/voxel");
  const auto strain = file.read<double>("/events/strain_increment");
  const auto size = file.read<std::int64_t>("/avalanches/size");
  std::vector<std::map<std::int64_t, std::size_t>> last(size.size());
  std::vector<std::int64_t> sizes(size.size(), 0);
  std::vector<std::int64_t> reversals(size.size(), 0);
  for (std::size_t event = 0; event < avalanche.size(); ++event) {
    if (avalanche[event] < 0) continue;
    const auto row = static_cast<std::size_t>(avalanche[event]);
    ++sizes[row];
    if (const auto before = last[row].find(voxel[event]); before != last[row].end()) {
      double product = 0.0;
      double squares[2] = {0.0, 0.0};
      for (std::size_t c = 0; c < 6; ++c) {
        const double weight = c < 3 ? 1.0 : 2.0;
        const double a = strain[6 * before->second + c];
        const double b = strain[6 * event + c];
        product += weight * a * b;
        squares[0] += weight * a * a;
        squares[1] += weight * b * b;
      }
      if (product < -0.9 * std::sqrt(squares[0] * squares[1])) ++reversals[row];
    }
    last[row][voxel[event]] = event;
  }
  std::vector<std::int64_t> voxels;
  for (const auto& members : last) voxels.push_back(static_cast<std::int64_t>(members.size()));
  EXPECT_EQ(size, sizes);
  EXPECT_EQ(file.read<std::int64_t>("/avalanches/voxels"), voxels);
  EXPECT_EQ(file.read<std::int64_t>("/avalanches/reversals"), reversals);
  EXPECT_GT(std::accumulate(reversals.begin(), reversals.end(), std::int64_t{0}), 0);
}

TEST(HistoryFindings, ReadPeakFlowAndThreshold) {
  std::vector<HistoryRow> rows;
  for (int i = 0; i <= 100; ++i) {
    HistoryRow row;
    row.strain = 0.001 * i;
    row.true_strain = std::log1p(row.strain);
    row.axial_stress_gpa = i <= 40 ? 0.05 * i : 1.5;
    row.largest_cfv_nm3 = i < 60 ? 0.1 * i : (i == 60 ? 50.0 : 50.0 + 0.5 * i);
    rows.push_back(row);
  }
  const auto findings = findings_of(rows);
  EXPECT_NEAR(findings.peak_stress_gpa, 2.0, 1e-12);
  EXPECT_NEAR(findings.peak_strain, 0.04, 1e-12);
  EXPECT_NEAR(findings.flow_stress_gpa, 1.5, 1e-12);
  EXPECT_NEAR(findings.percolation_strain, 0.5 * (std::log(1.059) + std::log(1.060)), 1e-12);
  rows.resize(30);
  EXPECT_TRUE(std::isnan(findings_of(rows).flow_stress_gpa));
}

TEST(StartUpCheck, NamesParametersThatCannotWork) {
  const Communicator alone = Communicator::self();
  const auto glass = test::matrix_glass(alone, 8, 8, 8);
  const auto parameters = test::parameters_for(glass);
  // The default 3-D set: V mu 0.782 (1 - 1/N) gamma0^2 = 15.625 * 32.31 * 0.780 * 7.56e-4 GPa nm^3 = 1.859 eV, against
  // 3.45 exp(-0.8 - 0.0756) = 1.437 eV. 0.782 is the element kernel's trace (elasticity tests).
  const auto pumping = judge_energy_pumping(parameters, glass);
  EXPECT_NEAR(pumping.self_energy_ev, 1.859, 0.003);
  EXPECT_NEAR(pumping.softened_barrier_ev, 1.437, 0.001);
  EXPECT_NEAR(pumping.chi, 0.647, 0.002);
  EXPECT_EQ(pumping.type, "matrix");
  EXPECT_TRUE(check_parameters(parameters, glass).empty());

  const auto refused = [&](const char* text, auto change, const catalog::Catalog& start) {
    auto with = start;
    auto by = test::parameters_for(start);
    change(with, by);
    try {
      (void)check_parameters(by, with);
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  const auto warned = [&](const char* text, auto change, const catalog::Catalog& start) {
    auto with = start;
    auto by = test::parameters_for(start);
    change(with, by);
    const auto warnings = check_parameters(by, with);
    EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [&](const std::string& warning) {
      return warning.find(text) != std::string::npos;
    })) << text;
  };
  refused(
      "endless avalanches", [](auto& g, auto& p) { (void)p, g.types[0].gamma0 = 0.048; }, glass);
  refused(
      "above its barrier", [](auto& g, auto& p) { (void)p, g.types[0].gamma0 = 0.07; }, glass);
  refused(
      "above its barrier",
      [](auto& g, auto& p) {
        test::switch_softening_off(p);
        g.types[0].gamma0 = 0.07;
      },
      glass);
  warned(
      "from nowhere", [](auto& g, auto& p) { (void)g, p.kinetics.softening_cap = 1.3; }, glass);
  // A kind of order can be the one that pumps.
  warned(
      "ordered",
      [](auto& g, auto& p) {
        (void)p;
        g.types.push_back(g.types[0]);
        g.types[1].name = "ordered";
        g.types[1].amplitude = 1.0;
        g.types[1].modes = 2;
      },
      glass);
  refused(
      "smaller than an atom",
      [](auto& g, auto& p) {
        (void)p, g.grid.voxel_size_nm = {0.2, 0.2, 0.2};
      },
      glass);
  refused(
      "too small for the characteristic strain",
      [](auto& g, auto& p) {
        (void)p, g.grid.voxel_size_nm = {1.0, 1.0, 1.0};
      },
      glass);
  refused(
      "rounding", [](auto& g, auto& p) { (void)g, p.loading.step_strain = 1e-19; }, glass);
  refused(
      "overflows", [](auto& g, auto& p) { (void)g, p.kinetics.temperature_k = 5.0; }, glass);
  refused(
      "below zero before the test begins",
      [](auto& g, auto& p) {
        (void)g;
        p.loading.kind = LoadingKind::creep;
        p.loading.creep_stress_gpa = 5.0;
      },
      glass);
  refused(
      "barrier_mean_ev", [](auto& g, auto& p) { (void)p, g.types[0].barrier_mean_ev = -1.0; }, glass);
  refused(
      "barrier_spread", [](auto& g, auto& p) { (void)p, g.types[0].barrier_spread = 1.2; }, glass);
  warned(
      "permanent softening", [](auto& g, auto& p) { (void)g, p.kinetics.recovery_barrier_ev = 2.0; }, glass);

  auto guarded = parameters;
  guarded.kinetics.energy_guard = true;
  auto wild = glass;
  wild.types[0].gamma0 = 0.048;
  EXPECT_TRUE(check_parameters(guarded, wild).empty());

  // The plane set in plane stress: 1.54 times Eshelby's disc, whose kappa = (3 - nu)/(1 + nu) = 1.930, 1 - beta =
  // 1/2.930 gives 0.49 * 25.44 * 0.341 * 0.0196 GPa nm^3 = 0.520 eV and chi = 0.465 with 2 exp(-0.5108 - 0.764) eV.
  const auto plane = test::matrix_glass(alone, 16, 16, 1);
  EXPECT_NEAR(judge_energy_pumping(test::parameters_for(plane), plane).chi, 1.54 * 0.465, 0.005);
  EXPECT_TRUE(check_parameters(test::parameters_for(plane), plane).empty());
}

}  // namespace mesoglass::deformation
