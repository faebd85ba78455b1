// Kernels of the diffraction analysis, one pattern of 128 x 128 floats or one map of 250 x 250 an iteration. Rows give
// bytes and flops an item and their share of this machine's ceiling: the rate at which one core reads a large array,
// and at which it multiplies and adds 8 floats at a time, both measured by this program at its start.
#include <benchmark/benchmark.h>

#include <chrono>
#include <numeric>
#include <vector>

#include "core/random_stream.hpp"
#include "diffraction/area_fraction.hpp"
#include "diffraction/map_autocorrelation.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/speckle_regions.hpp"

namespace {

using namespace mesoglass;
using namespace mesoglass::diffraction;

const PatternShape shape{128, 128};
const PolarGrid grid{8.0, 1.0, 54, 126};
constexpr std::size_t pixels = 128 * 128;

double seconds_of(const auto& work) {
  double best = 1e9;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    work();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

// Bytes a second of reading 256 MiB.
double memory_ceiling() {
  static const double rate = [] {
    std::vector<float> values(std::size_t{1} << 26, 1.0F);
    double sum = 0.0;
    const double seconds = seconds_of([&] { sum += best_kernels().total(values.data(), values.size()); });
    benchmark::DoNotOptimize(sum);
    return static_cast<double>(values.size() * sizeof(float)) / seconds;
  }();
  return rate;
}

// Flops a second of a matrix product whose operands stay in the first cache: the kernels' own inner loop at its best.
double arithmetic_ceiling() {
  static const double rate = [] {
    constexpr int count = 32, width = 8, rounds = 100000;
    const auto lanes = static_cast<std::size_t>(best_kernels().lanes);
    std::vector<float> values(count * lanes, 1.0F), matrix(count * width, 0.5F), result(width * lanes);
    const double seconds = seconds_of([&] {
      for (int i = 0; i < rounds; ++i) {
        best_kernels().multiply(values.data(), count, matrix.data(), width, result.data());
        benchmark::ClobberMemory();
      }
    });
    return 2.0 * count * width * static_cast<double>(lanes) * rounds / seconds;
  }();
  return rate;
}

void report(benchmark::State& state, double items, double bytes, double flops) {
  const double all = items * static_cast<double>(state.iterations());
  using benchmark::Counter;
  state.counters["bytes"] = bytes;
  state.counters["flops"] = flops;
  state.counters["items/s"] = Counter(all, Counter::kIsRate);
  state.counters["of_memory_ceiling"] = Counter(all * bytes / memory_ceiling(), Counter::kIsRate);
  state.counters["of_arithmetic_ceiling"] = Counter(all * flops / arithmetic_ceiling(), Counter::kIsRate);
}

std::vector<std::vector<float>> make_patterns(std::size_t count) {
  std::vector<std::vector<float>> patterns(count, std::vector<float>(pixels));
  for (std::size_t i = 0; i < count; ++i) {
    RandomStream random(1, RandomPurpose::test, i);
    for (float& value : patterns[i]) value = static_cast<float>(random.uniform(1.0, 20.0));
  }
  return patterns;
}

void interleaving(benchmark::State& state) {
  const auto& kernels = best_kernels();
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  const auto patterns = make_patterns(lanes);
  std::vector<const float*> pointers;
  for (const auto& pattern : patterns) pointers.push_back(pattern.data());
  AlignedValues<float> values(pixels * lanes);
  AlignedValues<double> sums(pixels);
  for (auto _ : state) kernels.interleave(pointers.data(), pixels, values.data(), sums.data());
  report(state, static_cast<double>(lanes), 8.0 * pixels + 16.0 * pixels / static_cast<double>(lanes), pixels);
}
BENCHMARK(interleaving);

void polar(benchmark::State& state) {
  const auto& kernels = best_kernels();
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  AlignedValues<float> values(pixels * lanes, 1.0F), line(126 * lanes);
  const InterpolationTable table(grid, shape, {63.4, 63.6}, {}, {});
  for (auto _ : state) {
    for (int bin = 0; bin < grid.bins; ++bin) table.transform_bin(kernels, values.data(), bin, line.data());
    benchmark::ClobberMemory();
  }
  const auto samples = static_cast<double>(grid.samples());
  report(state, static_cast<double>(lanes), samples * (16.0 + 4.0) + samples * 20.0 / static_cast<double>(lanes),
         7.0 * samples);
}
BENCHMARK(polar);

void harmonics(benchmark::State& state) {
  const auto& kernels = best_kernels();
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  const HarmonicPowers tables(126);
  AlignedValues<float> line(126 * lanes, 1.0F), work(tables.tables().work_values(kernels.lanes)), powers(64 * lanes);
  for (auto _ : state) {
    for (int bin = 0; bin < grid.bins; ++bin) {
      kernels.harmonic_powers(tables.tables(), line.data(), work.data(), powers.data());
    }
    benchmark::ClobberMemory();
  }
  // Four products of 32 folded values with 32 columns, the folding and the squares.
  report(state, static_cast<double>(lanes), grid.bins * (126.0 + 64.0) * 4.0,
         grid.bins * (4.0 * 2.0 * 32.0 * 32.0 + 252.0 + 192.0));
}
BENCHMARK(harmonics);

// All that a pattern in memory goes through: interleaving, polar, harmonics, sums, and the map stack.
void pattern_pass(benchmark::State& state) {
  constexpr std::int64_t columns = 128;
  const auto patterns = make_patterns(columns);
  PatternStatistics statistics(grid, 1.0, 12, 1, columns, best_kernels());
  OrderFreeSums sums(pixels, 1e9);
  MapStack maps(grid, {0, grid.bins}, {0, 1}, 1, columns, std::vector<double>(54, 10.0));
  const InterpolationTable table(grid, shape, {63.4, 63.6}, {}, {});
  PatternPass pass(grid, shape, &statistics, &sums, &maps);
  for (auto _ : state) {
    for (std::int64_t column = 0; column < columns; ++column) {
      pass.add(0, column, patterns[static_cast<std::size_t>(column)], table);
    }
    pass.flush();
  }
  report(state, columns, 4.0 * pixels, static_cast<double>(grid.samples()) * 7.0 + 54.0 * (8192.0 + 444.0));
}
BENCHMARK(pattern_pass);

constexpr std::int64_t side = 250;

std::vector<float> make_map() {
  std::vector<float> map(side * side);
  RandomStream random(2, RandomPurpose::test);
  for (float& value : map) value = static_cast<float>(random.normal(1.0, 0.3));
  return map;
}

// One map's share of the transpose: out of the stack into a map of floats.
void maps(benchmark::State& state) {
  MapStack stack({8.0, 1.0, 1, 126}, {0, 1}, {0, side}, side, side, {1.0});
  const Range rows{0, side};
  const auto whole = stack.exchange(Communicator::self(), 0, std::span(&rows, 1));
  std::vector<float> map(side * side);
  int angle = 0;
  for (auto _ : state) {
    whole.front().copy_map(angle++ % 126, map);
    benchmark::ClobberMemory();
  }
  report(state, 1.0, 6.0 * side * side, 2.0 * side * side);
}
BENCHMARK(maps);

void autocorrelation(benchmark::State& state) {
  const std::vector<std::uint8_t> kept(side * side, 1);
  MapAutocorrelation correlation(side, side, 16, kept, 9);
  const auto map = make_map();
  for (auto _ : state) correlation.add(map, 0);
  // 5/2 N log2 N of a real transform of 270 x 270.
  report(state, 1.0, 4.0 * side * side + 12.0 * 270.0 * 270.0, 2.5 * 270.0 * 270.0 * 16.15);
}
BENCHMARK(autocorrelation);

void smoothing(benchmark::State& state) {
  MapSmoother smoother(side, side, 1.2);
  auto map = make_map();
  for (auto _ : state) smoother.smooth(map);
  report(state, 1.0, 8.0 * side * side, 2.0 * 2.0 * 9.0 * side * side);
}
BENCHMARK(smoothing);

void histogram(benchmark::State& state) {
  IntensityHistogram values;
  MapMoments moments;
  const auto map = make_map();
  for (auto _ : state) {
    values.add_map(map);
    moments.add_map(map);
  }
  report(state, 1.0, 4.0 * side * side, 9.0 * side * side);
}
BENCHMARK(histogram);

void labelling(benchmark::State& state) {
  auto map = make_map();
  MapSmoother(side, side, 1.2).smooth(map);
  RegionLabeller labeller(side, side);
  std::size_t regions = 0;
  for (auto _ : state) regions += labeller.label(map, 1.1F).size();
  benchmark::DoNotOptimize(regions);
  report(state, 1.0, 4.0 * side * side, side * side);
}
BENCHMARK(labelling);

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  benchmark::Initialize(&argc, argv);
  benchmark::AddCustomContext("kernels", best_kernels().name);
  benchmark::AddCustomContext("memory_ceiling_GB_s", std::to_string(1e-9 * memory_ceiling()));
  benchmark::AddCustomContext("arithmetic_ceiling_Gflop_s", std::to_string(1e-9 * arithmetic_ceiling()));
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  MPI_Finalize();
}
