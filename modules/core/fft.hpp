// FFTW plans and aligned buffers as owners. Plans are made with FFTW_ESTIMATE, so that the same transform is computed
// by the same steps in every run: results stay bitwise reproducible.
#pragma once

#include <fftw3.h>

#include <complex>
#include <cstddef>
#include <new>
#include <vector>

namespace mesoglass {

// Memory aligned as FFTW wants it.
template <typename T>
struct FftwAllocator {
  using value_type = T;
  FftwAllocator() = default;
  template <typename U>
  FftwAllocator(const FftwAllocator<U>&) noexcept {}
  [[nodiscard]] T* allocate(std::size_t count) {
    void* memory = fftw_malloc(count * sizeof(T));
    if (memory == nullptr) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }
  void deallocate(T* memory, std::size_t) noexcept { fftw_free(memory); }
  template <typename U>
  bool operator==(const FftwAllocator<U>&) const noexcept {
    return true;
  }
};

template <typename T>
using FftBuffer = std::vector<T, FftwAllocator<T>>;
using ComplexBuffer = FftBuffer<std::complex<double>>;
using RealBuffer = FftBuffer<double>;

enum class FftDirection { forward, backward };

// A one-dimensional transform of many lines, double precision, not normalised, in place or out of place; Real forms
// keep only the non-negative frequencies (length / 2 + 1).
class FftPlan {
 public:
  FftPlan() = default;
  ~FftPlan();
  FftPlan(const FftPlan&) = delete;
  FftPlan& operator=(const FftPlan&) = delete;
  FftPlan(FftPlan&& other) noexcept;
  FftPlan& operator=(FftPlan&& other) noexcept;

  // `count` lines of `length`, element i of line l at l * distance + i * stride. `data` fixes alignment and strides;
  // execute on it or on memory of the same alignment.
  [[nodiscard]] static FftPlan complex_lines(int length, int count, int stride, int distance,
                                             std::complex<double>* data, FftDirection direction);
  // Contiguous real lines of `length` at in + l * length to length / 2 + 1 complex at out, and back (which destroys
  // in).
  [[nodiscard]] static FftPlan real_lines_forward(int length, int count, double* in, std::complex<double>* out);
  [[nodiscard]] static FftPlan real_lines_backward(int length, int count, std::complex<double>* in, double* out);
  // A whole array, slowest axis first, in place.
  [[nodiscard]] static FftPlan complex_array(const std::vector<int>& shape, std::complex<double>* data,
                                             FftDirection direction);

  void execute() const { fftw_execute(plan_); }
  void execute(std::complex<double>* data) const;
  void execute(double* in, std::complex<double>* out) const;
  void execute(std::complex<double>* in, double* out) const;

 private:
  explicit FftPlan(fftw_plan plan);
  fftw_plan plan_ = nullptr;
};

}  // namespace mesoglass
