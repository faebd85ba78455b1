// Time an event of both engines in the elastic-plastic regime, by sample size.
#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "../deformation/planted_glass.hpp"
#include "core/environment.hpp"
#include "deformation/engine.hpp"

namespace {

using namespace mesoglass;

using deformation::EngineKind;

// Brings a sample under a stress at which avalanches run and lets a twentieth of its voxels transform, so that the
// quiet start is not measured; then each iteration is one thermal event with what it sets off. Both engines are
// measured from the same state, to which the fast one takes them.
void events(benchmark::State& state, EngineKind kind) {
  const Communicator alone = Communicator::self();
  const std::int64_t edge = state.range(0);
  const bool planar = state.range(1) == 2;
  const auto glass = test::matrix_glass(alone, edge, edge, planar ? 1 : edge);
  auto parameters = test::parameters_for(glass);
  const double stress_gpa = planar ? 2.4 : 1.75;
  const auto mean_stress =
      planar ? std::vector<double>{stress_gpa / std::sqrt(2.0), 0.0}
             : std::vector<double>{stress_gpa / std::sqrt(2.0), -stress_gpa / std::sqrt(6.0), 0, 0, 0};
  auto engine = deformation::make_engine(alone, parameters, glass);
  engine->set_mean_stress(mean_stress);
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
  if (kind == EngineKind::direct) {
    engine->synchronise();
    parameters.engine = kind;
    auto direct = deformation::make_engine(alone, parameters, glass);
    direct->restore(engine->state());
    direct->set_mean_stress(mean_stress);
    engine = std::move(direct);
  }
  transformations = 0;
  const std::uint64_t first_draw = draws.count;
  for (auto _ : state) one_event();
  const auto count = static_cast<double>(state.iterations());
  state.counters["transformations an event"] = static_cast<double>(transformations) / count;
  state.counters["draws an event"] = static_cast<double>(draws.count - first_draw) / count;
  state.counters["bytes a voxel"] = engine->memory_bytes() / static_cast<double>(glass.grid.voxel_count());
}
BENCHMARK_CAPTURE(events, fast, EngineKind::fast)
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({512, 2})
    ->Args({1024, 2})
    ->Args({32, 3})
    ->Args({64, 3})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(events, direct, EngineKind::direct)
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({512, 2})
    ->Args({32, 3})
    ->Args({64, 3})
    ->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  Environment environment(argc, argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
