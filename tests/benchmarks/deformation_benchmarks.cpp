// Time an event of the direct engine in the elastic-plastic regime, by sample size.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "../deformation/planted_glass.hpp"
#include "core/environment.hpp"
#include "deformation/engine.hpp"

namespace {

using namespace mesoglass;

// Brings a sample under a stress at which avalanches run and lets a twentieth of its voxels transform, so that the
// quiet start is not measured; then each iteration is one thermal event with what it sets off.
void events_of_direct_engine(benchmark::State& state) {
  const Communicator alone = Communicator::self();
  const std::int64_t edge = state.range(0);
  const bool planar = state.range(1) == 2;
  const auto glass = test::matrix_glass(alone, edge, edge, planar ? 1 : edge);
  const auto parameters = test::parameters_for(glass);
  const auto engine = deformation::make_engine(alone, parameters, glass);
  const double stress_gpa = planar ? 2.4 : 2.8;
  engine->set_mean_stress(
      planar ? std::vector<double>{stress_gpa / std::sqrt(2.0), 0.0}
             : std::vector<double>{stress_gpa / std::sqrt(2.0), -stress_gpa / std::sqrt(6.0), 0, 0, 0});
  deformation::RandomDraws draws{parameters.seed, 0};
  std::int64_t transformations = 0;
  const auto one_event = [&] {
    for (auto flips = engine->unstable(); !flips.empty(); flips = engine->unstable()) {
      benchmark::DoNotOptimize(engine->transform(flips));
      transformations += static_cast<std::int64_t>(flips.size());
    }
    const auto step = engine->next_event(1e300, draws);
    benchmark::DoNotOptimize(engine->transform(std::span(&*step.event, 1)));
    ++transformations;
  };
  while (transformations < glass.grid.voxel_count() / 20) one_event();
  transformations = 0;
  for (auto _ : state) one_event();
  state.counters["transformations"] =
      benchmark::Counter(static_cast<double>(transformations), benchmark::Counter::kIsRate);
  state.counters["bytes a voxel"] = engine->memory_bytes() / static_cast<double>(glass.grid.voxel_count());
}
BENCHMARK(events_of_direct_engine)
    ->Args({64, 2})
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({16, 3})
    ->Args({32, 3})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  Environment environment(argc, argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
