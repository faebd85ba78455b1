// Zones with elastic constants of their own.
#include "deformation/heterogeneous_medium.hpp"

#include <cmath>
#include <vector>

#include "core/hdf5_file.hpp"
#include "deformation/deformation_run.hpp"
#include "deformation/engine.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

namespace {

using test::communicator;

// A plane of layers across y, the kind changing every second row: type 1 has `contrast` times the stiffness.
catalog::Catalog layered_glass(const Communicator& comm, double contrast) {
  auto glass = test::matrix_glass(comm, 8, 12, 1);
  auto other = glass.types.front();
  other.name = "ordered";
  other.modes = 4;
  other.amplitude = 0.7;
  other.softening = 0.1;
  other.young_modulus_gpa *= contrast;
  glass.types.push_back(other);
  catalog::Domain domain;
  domain.type = 1;
  glass.domains = {domain};
  const Range own = glass.grid.voxels_of(comm.rank(), comm.size());
  for (std::int64_t v = own.begin; v < own.end; ++v) {
    const bool ordered = (v / 8 / 2) % 2 == 1;
    glass.voxel_type[static_cast<std::size_t>(v - own.begin)] = ordered ? 1 : 0;
    glass.voxel_domain[static_cast<std::size_t>(v - own.begin)] = ordered ? 0 : -1;
  }
  return glass;
}

DeformationParameters direct_parameters(const catalog::Catalog& glass) {
  auto parameters = test::parameters_for(glass);
  parameters.engine = EngineKind::direct;
  return parameters;
}

DeformationOutcome run_to(const Communicator& comm, const std::filesystem::path& output, const catalog::Catalog& glass,
                          const DeformationParameters& parameters) {
  return run_deformation(comm, parameters, glass, {output, IfExists::refuse, false}, Provenance("test", "test", "", 1));
}

}  // namespace

// Tension along the layers, one Poisson's ratio: strains are uniform, so the modulus is the mean of the layers', the
// stress of a layer its own modulus times the strain; and means() meets mixed conditions exactly.
TEST(HeterogeneousMedium, LayersShareTheLoadExactly) {
  const auto glass = layered_glass(communicator(), 1.5);
  const elasticity::TensorBasis basis(elasticity::BasisKind::deviatoric, 2);
  HeterogeneousMedium medium(communicator(), glass, elasticity::Body::plane_stress, basis);
  auto conditions = elasticity::MeanConditions::zero_stress();
  conditions.is_stress[elasticity::xx] = false;
  conditions.value[elasticity::xx] = 0.01;
  const auto means = medium.means(conditions, {});
  EXPECT_NEAR(means.stress[elasticity::xx], 0.01 * 69.46 * 1.25, 1e-9);
  EXPECT_NEAR(means.strain[elasticity::yy], -0.365 * 0.01, 1e-10);
  EXPECT_EQ(means.stress[elasticity::yy], 0.0);
  std::vector<double> nothing(2 * glass.voxel_type.size(), 0.0);
  std::vector<double> stress(nothing.size());
  medium.add_load(means.stress, nothing, stress);
  for (std::size_t v = 0; v < glass.voxel_type.size(); ++v) {
    const double local = 0.01 * 69.46 * (glass.voxel_type[v] == 1 ? 1.5 : 1.0);
    EXPECT_NEAR(stress[v], (local - means.stress[elasticity::xx]) / std::sqrt(2.0), 1e-9);
    EXPECT_NEAR(stress[v + glass.voxel_type.size()], 0.0, 1e-9);
  }
}

// E* by reciprocity equals the mean strain of an unloaded sample with that plastic strain, solved anew.
TEST(HeterogeneousMedium, EffectiveStrainIsTheUnloadedSamplesStrain) {
  const auto glass = layered_glass(communicator(), 1.6);
  const elasticity::TensorBasis basis(elasticity::BasisKind::deviatoric, 2);
  HeterogeneousMedium medium(communicator(), glass, elasticity::Body::plane_strain, basis);
  const Range own = glass.grid.voxels_of(communicator().rank(), communicator().size());
  std::vector<Transformation> flips;
  std::vector<elasticity::Tensor> eigenstrain(static_cast<std::size_t>(own.size()));
  for (const std::int64_t voxel : {3, 20, 21, 60, 95}) {
    Transformation flip;
    flip.voxel = voxel;
    flip.strain[0] = 0.1 * std::cos(static_cast<double>(voxel));
    flip.strain[1] = 0.1 * std::sin(static_cast<double>(voxel));
    if (own.contains(voxel)) {
      eigenstrain[static_cast<std::size_t>(voxel - own.begin)] = basis.to_tensor(std::span(flip.strain).first(2));
    }
    flips.push_back(flip);
  }
  auto solver = heterogeneous_solver(communicator(), glass, elasticity::Body::plane_strain);
  elasticity::ElasticFields fields;
  (void)solver.solve(eigenstrain, elasticity::MeanConditions::zero_stress(), {1e-11, 1000}, fields);
  const auto effective = medium.effective_strain(flips);
  for (const int c : {elasticity::xx, elasticity::yy, elasticity::xy}) {
    EXPECT_NEAR(effective[static_cast<std::size_t>(c)], fields.means.strain[static_cast<std::size_t>(c)], 1e-10);
  }
  // The residual stress, flip by flip and together.
  std::vector<double> together(2 * eigenstrain.size(), 0.0);
  std::vector<double> one_by_one(2 * eigenstrain.size(), 0.0);
  medium.superpose(flips, together);
  for (const auto& flip : flips) medium.superpose(std::span(&flip, 1), one_by_one);
  std::array<double, 2> row{};
  for (std::size_t v = 0; v < eigenstrain.size(); ++v) {
    basis.from_tensor(fields.stress[v], row);
    for (std::size_t r = 0; r < 2; ++r) {
      EXPECT_NEAR(together[r * eigenstrain.size() + v], row[r], 1e-8);
      EXPECT_NEAR(one_by_one[r * eigenstrain.size() + v], row[r], 1e-8);
    }
  }
}

// With moduli that differ by nothing that matters, the run is that of uniform moduli, event by event.
TEST(HeterogeneousMedium, EqualModuliGiveTheUniformRun) {
  const auto folder = test::scratch_folder();
  const auto uniform = layered_glass(communicator(), 1.0);
  const auto nearly = layered_glass(communicator(), 1.0 + 1e-13);
  ASSERT_TRUE(has_uniform_moduli(uniform));
  ASSERT_FALSE(has_uniform_moduli(nearly));
  auto parameters = direct_parameters(uniform);
  parameters.loading.final_strain = 0.055;
  const auto a = run_to(communicator(), folder / "uniform.h5", uniform, parameters);
  const auto b = run_to(communicator(), folder / "nearly.h5", nearly, parameters);
  EXPECT_GT(a.events, 15);
  EXPECT_EQ(a.events, b.events);
  const auto one = Hdf5File::open(communicator(), folder / "uniform.h5");
  const auto other = Hdf5File::open(communicator(), folder / "nearly.h5");
  EXPECT_EQ(one.read<std::int64_t>("/events/voxel"), other.read<std::int64_t>("/events/voxel"));
  const auto stress = one.read<double>("/history/axial_stress");
  const auto same = other.read<double>("/history/axial_stress");
  for (std::size_t row = 0; row < stress.size(); ++row) EXPECT_NEAR(stress[row], same[row], 1e-6);
}

// Unlike moduli: the energy balance closes, the same bits on any number of ranks and after a restart, and the mean of
// the snapshot's stress, an independent solve, is the recorded one.
TEST(HeterogeneousMedium, RunsBalanceTheirEnergyAndResume) {
  const auto folder = test::scratch_folder();
  const auto glass = layered_glass(communicator(), 1.5);
  auto parameters = direct_parameters(glass);
  parameters.loading.final_strain = 0.055;
  parameters.heat.enabled = true;
  const auto outcome = run_to(communicator(), folder / "together.h5", glass, parameters);
  EXPECT_GT(outcome.events, 15);
  const auto file = Hdf5File::open(communicator(), folder / "together.h5");
  const auto elastic = file.read<double>("/history/elastic_energy");
  const auto work = file.read<double>("/history/external_work");
  const auto dissipated = file.read<double>("/history/dissipated_work");
  const auto axial = file.read<double>("/history/axial_stress");
  const auto strain = file.read<double>("/history/strain");
  EXPECT_NEAR(axial[1], strain[1] * 69.46 * 1.25, 1e-6);
  for (std::size_t row = 0; row < work.size(); ++row) {
    EXPECT_NEAR(elastic[row], work[row] - dissipated[row], 1e-6 * work.back());
  }
  const auto stress = file.read<double>("/snapshots/000/stress");
  double mean = 0.0;
  for (std::size_t v = 0; v < stress.size() / 6; ++v)
    mean += stress[6 * v] / (static_cast<double>(stress.size()) / 6.0);
  EXPECT_NEAR(mean, axial.back(), 1e-5);

  const Communicator alone = Communicator::self();
  const auto own_glass = layered_glass(alone, 1.5);
  const auto own_output = folder / fmt::format("alone-{}.h5", communicator().rank());
  const DeformationFiles files{own_output, IfExists::refuse, true};
  DeformationHooks hooks;
  hooks.checkpoint_request = [](std::int64_t step) {
    return step == 300 ? CheckpointRequest::write_and_stop : CheckpointRequest::none;
  };
  int stops = 0;
  for (bool complete = false; !complete && stops < 50;) {
    try {
      (void)run_deformation(alone, parameters, own_glass, files, Provenance("test", "test", "", 1), hooks);
      complete = true;
    } catch (const Error& error) {
      ASSERT_EQ(error.exit_code(), ExitCode::stopped_at_checkpoint) << error.what();
      ++stops;
    }
  }
  EXPECT_GT(stops, 0);
  communicator().barrier();
  const auto own = Hdf5File::open(alone, own_output);
  const auto shared = Hdf5File::open(alone, folder / "together.h5");
  for (const char* name : {"/history/axial_stress", "/history/elastic_energy", "/history/temperature", "/events/time",
                           "/events/barrier"}) {
    EXPECT_EQ(own.read<double>(name), shared.read<double>(name)) << name;
  }
}

}  // namespace mesoglass::deformation
