#include "core/fft.hpp"

#include <utility>

#include "core/error.hpp"

namespace mesoglass {

namespace {
fftw_complex* fftw_pointer(std::complex<double>* data) {
  return reinterpret_cast<fftw_complex*>(data);
}
}  // namespace

FftPlan::FftPlan(fftw_plan plan) : plan_(plan) {
  if (plan_ == nullptr) throw failure("FFTW could not plan a transform: the array may be too large for this machine");
}

FftPlan::~FftPlan() {
  if (plan_ != nullptr) fftw_destroy_plan(plan_);
}

FftPlan::FftPlan(FftPlan&& other) noexcept : plan_(std::exchange(other.plan_, nullptr)) {}

FftPlan& FftPlan::operator=(FftPlan&& other) noexcept {
  std::swap(plan_, other.plan_);
  return *this;
}

FftPlan FftPlan::complex_lines(int length, int count, int stride, int distance, std::complex<double>* data,
                               FftDirection direction) {
  return FftPlan(fftw_plan_many_dft(1, &length, count, fftw_pointer(data), nullptr, stride, distance,
                                    fftw_pointer(data), nullptr, stride, distance,
                                    direction == FftDirection::forward ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE));
}

FftPlan FftPlan::real_lines_forward(int length, int count, double* in, std::complex<double>* out) {
  return FftPlan(fftw_plan_many_dft_r2c(1, &length, count, in, nullptr, 1, length, fftw_pointer(out), nullptr, 1,
                                        length / 2 + 1, FFTW_ESTIMATE));
}

FftPlan FftPlan::real_lines_backward(int length, int count, std::complex<double>* in, double* out) {
  return FftPlan(fftw_plan_many_dft_c2r(1, &length, count, fftw_pointer(in), nullptr, 1, length / 2 + 1, out, nullptr,
                                        1, length, FFTW_ESTIMATE));
}

FftPlan FftPlan::complex_array(const std::vector<int>& shape, std::complex<double>* data, FftDirection direction) {
  return FftPlan(fftw_plan_dft(static_cast<int>(shape.size()), shape.data(), fftw_pointer(data), fftw_pointer(data),
                               direction == FftDirection::forward ? FFTW_FORWARD : FFTW_BACKWARD, FFTW_ESTIMATE));
}

void FftPlan::execute(std::complex<double>* data) const {
  fftw_execute_dft(plan_, fftw_pointer(data), fftw_pointer(data));
}
void FftPlan::execute(double* in, std::complex<double>* out) const {
  fftw_execute_dft_r2c(plan_, in, fftw_pointer(out));
}
void FftPlan::execute(std::complex<double>* in, double* out) const {
  fftw_execute_dft_c2r(plan_, fftw_pointer(in), out);
}

}  // namespace mesoglass
