// Kernels of the diffraction analysis, one pattern of 128 x 128 floats or one map of 250 x 250 an item, in processor
// time. Rows give what an item loads and stores (whether from a cache or not) and computes, and the share of the
// machine's ceilings: the rate at which one core copies a large array, and its peak of fused multiplications and
// additions, both measured by this program at its start. The kernels themselves use no fused operations (their results
// must not depend on the processor), which alone halves what they can reach of the second; more than all of the first
// means a cache.
#include <benchmark/benchmark.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "core/random_stream.hpp"
#include "diffraction/area_fraction.hpp"
#include "diffraction/beam_disc.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/map_transform.hpp"
#include "diffraction/pattern_pass.hpp"
#include "diffraction/speckle_regions.hpp"

namespace {

using namespace mesoglass;
using namespace mesoglass::diffraction;

const PatternShape shape{128, 128};
const PolarGrid grid{8.0, 1.0, 54, 126};
constexpr std::size_t pixels = 128 * 128;

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_of(const auto& work) {
  double best = 1e9;
  for (int round = 0; round < 10; ++round) {
    const double start = processor_seconds();
    work();
    best = std::min(best, processor_seconds() - start);
  }
  return best;
}

// Bytes a second of copying 128 MiB, read and written.
double memory_ceiling() {
  static const double rate = [] {
    std::vector<float> from(std::size_t{1} << 25, 1.0F), to(from.size());
    const double seconds = seconds_of([&] {
      std::memcpy(to.data(), from.data(), from.size() * sizeof(float));
      benchmark::ClobberMemory();
    });
    return 2.0 * static_cast<double>(from.size() * sizeof(float)) / seconds;
  }();
  return rate;
}

#if defined(__x86_64__)
// Twelve chains of fused operations on eight floats: more than the two units' latencies need.
__attribute__((target("avx2,fma"))) float fused_chains(int rounds) {
  __m256 sums[12];
  for (int i = 0; i < 12; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  const __m256 factor = _mm256_set1_ps(0.999F);
  for (int round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) sums[i] = _mm256_fmadd_ps(sums[i], factor, factor);
  }
  __m256 all = sums[0];
  for (int i = 1; i < 12; ++i) all = _mm256_add_ps(all, sums[i]);
  return _mm256_cvtss_f32(all);
}
#endif

// Flops a second.
double arithmetic_ceiling() {
  static const double rate = [] {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      constexpr int rounds = 1000000;
      float sum = 0.0F;
      const double seconds = seconds_of([&] { sum += fused_chains(rounds); });
      benchmark::DoNotOptimize(sum);
      return 2.0 * 12.0 * 8.0 * rounds / seconds;
    }
#endif
    // The kernels' own inner loop at its best: operands in the first cache.
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

// The judgement on every pattern: its sum, its disc's sum and centre.
void disc(benchmark::State& state) {
  const auto pattern = make_patterns(1).front();
  const DiscMeter meter(shape, {}, 6.0);
  for (auto _ : state) benchmark::DoNotOptimize(meter.measure(pattern, {63.4, 63.6}));
  report(state, 1.0, 4.0 * pixels, pixels + 2.0 * 200.0 * 20.0);
}
BENCHMARK(disc);

// All that a pattern in memory goes through: disc, interleaving, polar, harmonics, sums, and the map stack.
void pattern_pass(benchmark::State& state) {
  constexpr std::int64_t columns = 128;
  const auto patterns = make_patterns(columns);
  const DiscMeter meter(shape, {}, 6.0);
  PatternStatistics statistics(grid, 1.0, 12, 1, columns, best_kernels());
  OrderFreeSums sums(pixels, 1e9);
  MapStack maps(grid, {0, grid.bins}, {0, 1}, 1, columns, std::vector<double>(54, 10.0));
  const InterpolationTable table(grid, shape, {63.4, 63.6}, {}, {});
  PatternPass pass(grid, shape, &statistics, &sums, &maps);
  for (auto _ : state) {
    for (std::int64_t column = 0; column < columns; ++column) {
      const auto& pattern = patterns[static_cast<std::size_t>(column)];
      pass.add(0, column, pattern, table, meter.measure(pattern, {63.4, 63.6}).total);
    }
    pass.flush();
  }
  report(state, columns, 4.0 * pixels + 2.0 * static_cast<double>(grid.samples()),
         2.0 * pixels + static_cast<double>(grid.samples()) * 9.0 + 54.0 * (8192.0 + 444.0));
}
BENCHMARK(pattern_pass);

constexpr std::int64_t side = 250;

// Bright speckles on a flat ground with noise, as maps have them.
std::vector<float> make_map(std::uint64_t index = 0) {
  RandomStream random(2, RandomPurpose::test, index);
  std::vector<float> field(side * side), map(side * side);
  for (float& value : field) value = static_cast<float>(random.normal());
  MapSmoother(side, side, 1.5).smooth(field);
  for (std::size_t i = 0; i < map.size(); ++i) {
    const float bright = std::max(0.0F, field[i]);
    map[i] = 1.0F + 2.0F * bright * bright + static_cast<float>(random.normal(0.0, 0.05));
  }
  return map;
}

// The stack of one bin, 126 maps.
std::unique_ptr<const MapStack> make_stack() {
  const auto& kernels = best_kernels();
  const auto lanes = static_cast<std::size_t>(kernels.lanes);
  std::vector<std::vector<float>> maps;
  for (std::uint64_t angle = 0; angle < 126; ++angle) maps.push_back(make_map(angle));
  auto stack = std::make_unique<MapStack>(PolarGrid{8.0, 1.0, 1, 126}, Range{0, 1}, Range{0, side}, side, side,
                                          std::vector<double>{1.0});
  std::vector<float> values(126 * lanes, 0.0F);
  for (std::int64_t row = 0; row < side; ++row) {
    for (std::int64_t first = 0; first < side; first += kernels.lanes) {
      std::vector<std::int64_t> columns;
      for (std::int64_t x = first; x < std::min(side, first + kernels.lanes); ++x) columns.push_back(x);
      for (std::size_t angle = 0; angle < 126; ++angle) {
        for (std::size_t lane = 0; lane < columns.size(); ++lane) {
          values[angle * lanes + lane] = maps[angle][static_cast<std::size_t>(row * side + columns[lane])];
        }
      }
      stack->begin(row, columns, std::vector<double>(columns.size(), 1.0), kernels);
      stack->add_bin(0, values.data(), kernels);
    }
  }
  stack->flush();
  return stack;
}

const MapStack& stack() {
  static const auto made = make_stack();
  return *made;
}

const Range rows{0, side};

// Out of the stack into a map of floats, levelled.
void map_decoding(benchmark::State& state) {
  const auto whole = stack().exchange(Communicator::self(), 0, std::span(&rows, 1));
  std::vector<float> map(side * side), factors(side * side, 1.0F);
  int angle = 0;
  for (auto _ : state) {
    whole.front().copy_map(angle++ % 126, map, factors);
    benchmark::ClobberMemory();
  }
  report(state, 1.0, 10.0 * side * side, 3.0 * side * side);
}
BENCHMARK(map_decoding);

constexpr int largest_lag = 16;

// Of the autocorrelation, a map: lines and columns of complex numbers for two maps, 5 N log2 N each, and the squares.
struct TransformWork {
  double bytes = 0.0;
  double flops = 0.0;
};
TransformWork transform_work() {
  const TransformShape padded = choose_transform_shape(side, side + largest_lag, side + largest_lag);
  const double height = padded.height, width = padded.width;
  return {0.5 * (16.0 * side * width + 24.0 * height * width),
          0.5 * 5.0 * (side * width * std::log2(width) + width * height * std::log2(height)) + 2.0 * height * width};
}

void autocorrelation(benchmark::State& state) {
  const std::vector<std::uint8_t> kept(side * side, 1);
  MapAutocorrelation correlation(side, side, largest_lag, kept, 9);
  const auto one = make_map(1), other = make_map(2);
  for (auto _ : state) correlation.add_pair(one, other, 0);
  const TransformWork work = transform_work();
  report(state, 2.0, 4.0 * side * side + work.bytes, work.flops);
}
BENCHMARK(autocorrelation);

void smoothing(benchmark::State& state) {
  MapSmoother smoother(side, side, 1.2);
  auto map = make_map();
  for (auto _ : state) smoother.smooth(map);
  report(state, 1.0, 28.0 * side * side, (2.0 * 13.0 + 2.0) * side * side);
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
  report(state, 1.0, 24.0 * side * side, 9.0 * side * side);
}
BENCHMARK(histogram);

void labelling(benchmark::State& state) {
  auto map = make_map();
  MapSmoother(side, side, 0.9).smooth(map);
  RegionLabeller labeller(side, side);
  std::size_t regions = 0;
  for (auto _ : state) regions = labeller.label(map, 1.1F).size();
  state.counters["regions"] = static_cast<double>(regions);
  report(state, 1.0, 6.0 * side * side, side * side);
}
BENCHMARK(labelling);

// Everything that the 126 maps of a k go through, a map an item.
void maps(benchmark::State& state) {
  const std::vector<std::uint8_t> kept(side * side, 1);
  MapDescriber describer(side, side, 126, largest_lag, kept);
  const auto whole = stack().exchange(Communicator::self(), 0, std::span(&rows, 1));
  double size = 0.0;
  for (auto _ : state) size = describer.describe(whole.front(), 0.005).size;
  state.counters["size"] = size;
  const TransformWork work = transform_work();
  report(state, 126.0, (2.0 * 10.0 + 4.0 + 28.0 + 24.0 + 6.0) * side * side + work.bytes,
         (2.0 * 3.0 + 28.0 + 9.0 + 1.0) * side * side + work.flops);
}
BENCHMARK(maps);

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
