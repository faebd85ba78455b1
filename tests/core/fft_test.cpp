#include "core/fft.hpp"

#include "core/random_stream.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

// Against the defining sum; 16 terms in double precision leave a few units of round-off.
TEST(FftPlan, complex_lines_equal_the_defining_sum) {
  constexpr int length = 12;
  ComplexBuffer data(length);
  RandomStream stream(1, RandomPurpose::test);
  for (auto& value : data) value = {stream.normal(), stream.normal()};
  const auto input = data;
  const auto plan = FftPlan::complex_lines(length, 1, 1, length, data.data(), FftDirection::forward);
  plan.execute();
  for (int k = 0; k < length; ++k) {
    std::complex<double> sum = 0.0;
    for (int j = 0; j < length; ++j)
      sum += input[static_cast<std::size_t>(j)] * std::polar(1.0, -2.0 * units::pi * k * j / length);
    EXPECT_LT(std::abs(data[static_cast<std::size_t>(k)] - sum), 1e-13);
  }
}

TEST(FftPlan, real_lines_return_to_themselves_times_the_length) {
  for (const int length : {1, 2, 7, 16}) {
    constexpr int count = 3;
    RealBuffer values(static_cast<std::size_t>(length * count));
    RandomStream stream(2, RandomPurpose::test);
    for (auto& value : values) value = stream.normal();
    ComplexBuffer spectrum(static_cast<std::size_t>((length / 2 + 1) * count));
    RealBuffer back(values.size());
    const auto input = values;
    FftPlan::real_lines_forward(length, count, values.data(), spectrum.data()).execute();
    FftPlan::real_lines_backward(length, count, spectrum.data(), back.data()).execute();
    for (std::size_t i = 0; i < input.size(); ++i) EXPECT_NEAR(back[i], length * input[i], 1e-13 * length);
  }
}

}  // namespace
}  // namespace mesoglass
