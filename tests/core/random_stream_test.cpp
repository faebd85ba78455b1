#include "core/random_stream.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/normal_numbers.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

// Known answers of Philox 4x32-10 published with Random123 (kat_vectors): zero key and counter.
TEST(RandomStream, gives_the_published_known_answers) {
  RandomStream stream(0, RandomPurpose::test);
  EXPECT_EQ(stream.bits(), 0x6627e8d5U);
  EXPECT_EQ(stream.bits(), 0xe169c58dU);
  EXPECT_EQ(stream.bits(), 0xbc57ac4cU);
  EXPECT_EQ(stream.bits(), 0x9b00dbd8U);
}

TEST(RandomStream, is_a_pure_function_of_its_arguments) {
  const auto draw = [](std::uint64_t seed, RandomPurpose purpose, std::uint64_t voxel, std::uint32_t generation) {
    return RandomStream(seed, purpose, voxel, generation).uniform();
  };
  const double reference = draw(1, RandomPurpose::shear_barriers, 5, 0);
  EXPECT_EQ(reference, draw(1, RandomPurpose::shear_barriers, 5, 0));
  EXPECT_NE(reference, draw(2, RandomPurpose::shear_barriers, 5, 0));
  EXPECT_NE(reference, draw(std::uint64_t{1} << 32 | 1, RandomPurpose::shear_barriers, 5, 0));
  EXPECT_NE(reference, draw(1, RandomPurpose::shear_directions, 5, 0));
  EXPECT_NE(reference, draw(1, RandomPurpose::shear_barriers, 6, 0));
  EXPECT_NE(reference, draw(1, RandomPurpose::shear_barriers, std::uint64_t{1} << 32 | 5, 0));
  EXPECT_NE(reference, draw(1, RandomPurpose::shear_barriers, 5, 1));
}

// The written-out logarithm, sine and cosine against the C library's: the angle there, up to 6.3, is rounded (4e-16),
// the radius goes up to nine, and the functions themselves add as much; counts around the groups of four pairs and the
// blocks of 64; and what is drawn next is the same.
TEST(RandomStream, fills_with_the_normals_that_it_draws_one_by_one) {
  double largest = 0.0;
  for (std::uint64_t index = 0; index < 400; ++index) {
    for (const std::size_t count : {0U, 1U, 2U, 7U, 8U, 100U, 128U, 131U, 300U}) {
      RandomStream together(3, RandomPurpose::test, index);
      RandomStream single(3, RandomPurpose::test, index);
      std::vector<double> values(count + 1, -7.0);
      fill_with_normals(together, std::span(values).first(count));
      for (std::size_t i = 0; i < count; ++i) {
        const double expected = single.normal();
        EXPECT_NEAR(values[i], expected, 8e-15);
        largest = std::max(largest, std::abs(expected));
      }
      EXPECT_EQ(values[count], -7.0);
      if (count % 2 == 1) (void)single.normal();
      EXPECT_EQ(together.uniform(), single.uniform());
    }
  }
  EXPECT_GT(largest, 4.5);
}

TEST(RandomStream, normals_have_the_same_bits_wherever_one_begins) {
  std::array<double, 300> all;
  RandomStream stream(3, RandomPurpose::test, 5);
  fill_with_normals(stream, all);
  for (std::size_t first = 0; first < all.size(); first += 1 + first / 7) {
    for (std::size_t count = 1; first + count <= all.size(); count += 1 + count / 2) {
      std::vector<double> values(count);
      fill_with_normals(stream, values, first);
      EXPECT_TRUE(std::equal(values.begin(), values.end(), all.begin() + static_cast<std::ptrdiff_t>(first)))
          << first << ' ' << count;
    }
  }
}

struct Moments {
  double mean = 0.0;
  double variance = 0.0;
};

template <typename Draw>
Moments moments_of(int count, Draw draw) {
  double sum = 0.0;
  double squares = 0.0;
  for (int i = 0; i < count; ++i) {
    const double value = draw();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / count;
  return {mean, squares / count - mean * mean};
}

// Five standard errors of the mean: a right generator fails once in 1.7 million seeds, and the seed is fixed.
TEST(RandomStream, distributions_have_their_moments) {
  constexpr int count = 200000;
  RandomStream stream(42, RandomPurpose::test);
  const double error = 5.0 / std::sqrt(count);
  const auto uniform = moments_of(count, [&] { return stream.uniform(); });
  EXPECT_NEAR(uniform.mean, 0.5, error * std::sqrt(1.0 / 12.0));
  EXPECT_NEAR(uniform.variance, 1.0 / 12.0, error * std::sqrt(1.0 / 180.0));
  const auto normal = moments_of(count, [&] { return stream.normal(); });
  EXPECT_NEAR(normal.mean, 0.0, error);
  EXPECT_NEAR(normal.variance, 1.0, error * std::sqrt(2.0));
  const auto exponential = moments_of(count, [&] { return stream.exponential(); });
  EXPECT_NEAR(exponential.mean, 1.0, error);
  EXPECT_NEAR(exponential.variance, 1.0, error * std::sqrt(8.0));
  for (const double mean : {0.3, 5.0, 29.9, 30.0, 400.0, 1e6}) {
    const auto poisson = moments_of(count, [&] { return static_cast<double>(stream.poisson(mean)); });
    EXPECT_NEAR(poisson.mean, mean, error * std::sqrt(mean)) << mean;
    EXPECT_NEAR(poisson.variance, mean, error * std::sqrt(2.0 * mean * mean + mean)) << mean;
  }
}

TEST(RandomStream, poisson_counts_have_poisson_probabilities) {
  // Chi-square against the probability mass at mean 40 (the rejection method), bins of one count within 3 sigma:
  // 39 bins plus the tails; 99.99 % quantile of chi-square with 39 degrees of freedom is 81.
  constexpr double mean = 40.0;
  constexpr int count = 100000;
  std::vector<int> seen(82, 0);
  RandomStream stream(7, RandomPurpose::test);
  for (int i = 0; i < count; ++i) ++seen[static_cast<std::size_t>(std::min<std::int64_t>(stream.poisson(mean), 81))];
  double chi_square = 0.0;
  double inside = 0.0;
  int seen_inside = 0;
  for (int k = 21; k <= 59; ++k) {
    const double expected = count * std::exp(k * std::log(mean) - mean - std::lgamma(k + 1.0));
    chi_square +=
        (seen[static_cast<std::size_t>(k)] - expected) * (seen[static_cast<std::size_t>(k)] - expected) / expected;
    inside += expected;
    seen_inside += seen[static_cast<std::size_t>(k)];
  }
  const double tails = count - inside;
  chi_square += (count - seen_inside - tails) * (count - seen_inside - tails) / tails;
  EXPECT_LT(chi_square, 81.0);
}

TEST(RandomStream, index_stays_inside) {
  RandomStream stream(3, RandomPurpose::test);
  std::vector<int> seen(3, 0);
  for (int i = 0; i < 3000; ++i) ++seen.at(static_cast<std::size_t>(stream.index(3)));
  EXPECT_GT(*std::min_element(seen.begin(), seen.end()), 850);
}

}  // namespace
}  // namespace mesoglass
