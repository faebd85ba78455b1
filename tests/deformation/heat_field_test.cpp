// Local heating: conduction against closed forms, and the heat of transformations.
#include "deformation/heat_field.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include "core/random_stream.hpp"
#include "core/units.hpp"
#include "deformation/engine.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

namespace {

using test::communicator;

VoxelGrid grid_of(std::int64_t nx, std::int64_t ny, std::int64_t nz) {
  VoxelGrid grid;
  grid.nx = nx;
  grid.ny = ny;
  grid.nz = nz;
  grid.voxel_size_nm = {2.0, 2.0, 2.0};
  return grid;
}

HeatParameters insulated() {
  HeatParameters heat;
  heat.enabled = true;
  heat.exchange_time_s = 1e15;
  return heat;
}

}  // namespace

// A sine along x decays by exp(-diffusivity k^2 t) with the nearest neighbours' k^2 = (2 - 2 cos(2 pi n / N)) / h^2, in
// one step as in many; its time scale is a quarter of the inverse.
TEST(HeatField, SineDecaysExactly) {
  for (const auto& grid : {grid_of(12, 8, 1), grid_of(12, 4, 6)}) {
    HeatField field(communicator(), grid, insulated());
    const Range own = grid.voxels_of(communicator().rank(), communicator().size());
    std::vector<double> rise;
    for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
      rise.push_back(5.0 + 3.0 * std::sin(2.0 * units::pi * 2.0 * static_cast<double>(voxel % grid.nx) / 12.0));
    }
    const std::vector<double> start = rise;
    const double rate = 3e-6 * 1e18 * (2.0 - 2.0 * std::cos(2.0 * units::pi * 2.0 / 12.0)) / 4.0;
    EXPECT_NEAR(field.time_scale_s(rise, 0.01) * rate, 0.25, 1e-12);
    const double time = 0.7 / rate;
    field.pass(0.5 * time, rise);
    field.pass(0.5 * time, rise);
    for (std::size_t v = 0; v < rise.size(); ++v) {
      EXPECT_NEAR(rise[v] - 5.0, (start[v] - 5.0) * std::exp(-0.7), 1e-12);
    }
  }
}

// A hot voxel: heat is conserved, no voxel ever cools below where it started, and after a long time all are alike. With
// exchange the mean decays by exp(-t / exchange time).
TEST(HeatField, HotVoxelSpreadsAndCools) {
  const auto grid = grid_of(8, 6, 4);
  auto heat = insulated();
  const Range own = grid.voxels_of(communicator().rank(), communicator().size());
  for (const double exchange : {1e15, 1e-12}) {
    heat.exchange_time_s = exchange;
    HeatField field(communicator(), grid, heat);
    std::vector<double> rise(static_cast<std::size_t>(own.size()), 0.0);
    if (own.contains(77)) rise[static_cast<std::size_t>(77 - own.begin)] = 192.0;
    double time = 0.0;
    for (const double step : {1e-14, 1e-13, 1e-12, 1e-10}) {
      field.pass(step, rise);
      time += step;
      for (const double value : rise) EXPECT_GT(value, -1e-12);
      EXPECT_NEAR(field.mean(rise), std::exp(-time / exchange), 1e-12);
    }
    for (const double value : rise) EXPECT_NEAR(value, std::exp(-time / exchange), 1e-10);
    EXPECT_TRUE(std::isinf(field.time_scale_s(rise, 2.0)));
  }
}

// One transformation under a known stress raises its voxel's temperature by (sigma_before + sigma_after):e / 2 over
// 2.5725e6 J/(m^3 K), and its voxel's rates follow the new temperature.
TEST(LocalHeating, TransformationsHeatTheirVoxel) {
  const Communicator alone = Communicator::self();
  auto glass = test::ordered_glass(alone, 4, 4, 6, 1.2, 0.3);
  for (auto& type : glass.types) type.young_modulus_gpa = 1e-9;  // the stress stays what it is
  auto parameters = test::parameters_for(glass);
  test::switch_softening_off(parameters);
  parameters.engine = EngineKind::direct;
  parameters.heat = insulated();
  auto engine = make_engine(alone, parameters, glass);
  const double stress_gpa = 2.0;
  engine->set_mean_stress(std::vector<double>{stress_gpa / std::sqrt(2.0), 0.0});
  const double cold_rate = engine->total_rate();
  Transformation flip;
  flip.voxel = 5;
  flip.strain[0] = 0.14 * std::sqrt(2.0);  // e_xx = -e_yy = 0.14
  (void)engine->transform(std::span(&flip, 1));
  const double rise = 2.0e9 * 0.14 / (6125.0 * 420.0);
  EXPECT_NEAR(engine->state().temperature_rise[5], rise, 1e-6);
  EXPECT_NEAR(engine->mean_temperature_rise_k(), rise / 16.0, 1e-6);

  double hot_rate = 0.0;
  for (int voxel = 0; voxel < 16; ++voxel) {
    const double kt = 8.617333262145179e-5 * (voxel == 5 ? 300.0 + rise : 300.0);
    for (int j = 0; j < 6; ++j) {
      const double strain = 0.14 * std::cos(0.3 + 2.0 * units::pi * j / 6.0);
      hot_rate += 1e13 * std::exp(-(1.2 - 0.5 * 0.49 * stress_gpa * strain * 6.241509074) / kt);
    }
  }
  EXPECT_GT(hot_rate, 2.0 * cold_rate);
  EXPECT_NEAR(engine->total_rate() / hot_rate, 1.0, 1e-6);
  // After the heat has spread over all voxels they are alike.
  RandomDraws draws{1, 0};
  for (int step = 0; step < 3; ++step) (void)engine->next_event(1e-9, draws);
  for (const double own : engine->state().temperature_rise) EXPECT_NEAR(own, rise / 16.0, 0.06);
}

}  // namespace mesoglass::deformation
