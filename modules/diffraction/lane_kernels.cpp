#include "diffraction/lane_kernels.hpp"

#include <array>

namespace mesoglass::diffraction {

namespace portable {
extern const LaneKernels kernels;
}
#if defined(__x86_64__)
namespace avx2 {
extern const LaneKernels kernels;
}
namespace avx2_wide {
extern const LaneKernels kernels;
}
namespace avx512 {
extern const LaneKernels kernels;
}
#endif

std::span<const LaneKernels* const> available_kernels() noexcept {
  struct List {
    std::array<const LaneKernels*, 4> kernels{};
    std::size_t count = 0;
    void add(const LaneKernels& more) { kernels[count++] = &more; }
  };
  static const List list = [] {
    List found;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      found.add(avx512::kernels);
    }
    if (__builtin_cpu_supports("avx2")) {
      found.add(avx2::kernels);
      found.add(avx2_wide::kernels);
    }
#endif
    found.add(portable::kernels);
    return found;
  }();
  return std::span(list.kernels).first(list.count);
}

const LaneKernels& best_kernels() noexcept {
  return *available_kernels().front();
}

}  // namespace mesoglass::diffraction
