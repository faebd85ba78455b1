// A group of MPI ranks: owner of an MPI communicator, typed reductions, and sections that fail together.
#pragma once

#include <mpi.h>

#include <algorithm>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "core/error.hpp"

namespace mesoglass {

// MPI's name for a C++ arithmetic type.
template <typename T>
[[nodiscard]] MPI_Datatype mpi_type() noexcept {
  if constexpr (std::is_same_v<T, double>)
    return MPI_DOUBLE;
  else if constexpr (std::is_same_v<T, float>)
    return MPI_FLOAT;
  else if constexpr (std::is_same_v<T, std::complex<double>>)
    return MPI_C_DOUBLE_COMPLEX;
  else if constexpr (std::is_same_v<T, std::complex<float>>)
    return MPI_C_FLOAT_COMPLEX;
  else if constexpr (std::is_same_v<T, std::int8_t> || std::is_same_v<T, char>)
    return MPI_INT8_T;
  else if constexpr (std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::byte>)
    return MPI_UINT8_T;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return MPI_INT16_T;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return MPI_UINT16_T;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return MPI_INT32_T;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return MPI_UINT32_T;
  else if constexpr (std::is_integral_v<T> && sizeof(T) == 8 && std::is_signed_v<T>)
    return MPI_INT64_T;
  else {
    static_assert(std::is_integral_v<T> && sizeof(T) == 8, "no MPI type for this C++ type");
    return MPI_UINT64_T;
  }
}

// Checks an MPI return code; throws Failure that names the call.
void check_mpi(int return_code, const char* call);

class Communicator {
 public:
  // Duplicates `source`, so that messages of this library never meet the caller's. Collective over source.
  explicit Communicator(MPI_Comm source);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;

  [[nodiscard]] static Communicator world() { return Communicator(MPI_COMM_WORLD); }
  // This rank alone; not collective.
  [[nodiscard]] static Communicator self() { return Communicator(MPI_COMM_SELF); }

  [[nodiscard]] MPI_Comm get() const noexcept { return communicator_; }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] bool is_root() const noexcept { return rank_ == 0; }

  // Ranks of equal colour form a new communicator, ordered as here. Collective.
  [[nodiscard]] Communicator split(int colour) const;

  // Collective. The reductions are MPI's own: their rounding may depend on the number of ranks; where the result must
  // not, sum in a fixed order instead (see fixed_order_sum in distribution.hpp).
  void barrier() const;
  template <typename T>
  [[nodiscard]] T sum(T value) const {
    return reduce(value, MPI_SUM);
  }
  template <typename T>
  [[nodiscard]] T max(T value) const {
    return reduce(value, MPI_MAX);
  }
  template <typename T>
  [[nodiscard]] T min(T value) const {
    return reduce(value, MPI_MIN);
  }
  [[nodiscard]] bool any(bool value) const { return max<std::int32_t>(value ? 1 : 0) != 0; }
  [[nodiscard]] bool all(bool value) const { return min<std::int32_t>(value ? 1 : 0) != 0; }
  template <typename T>
  void sum_in_place(std::span<T> values) const {
    reduce_in_place(values, MPI_SUM);
  }
  template <typename T>
  void max_in_place(std::span<T> values) const {
    reduce_in_place(values, MPI_MAX);
  }
  template <typename T>
  void min_in_place(std::span<T> values) const {
    reduce_in_place(values, MPI_MIN);
  }

  // From `root` to all. Collective. The vector and string forms carry the length too.
  template <typename T>
  void broadcast(std::span<T> values, int root = 0) const {
    broadcast_bytes(std::as_writable_bytes(values), root);
  }
  template <typename T>
  [[nodiscard]] T broadcast(T value, int root = 0) const {
    static_assert(std::is_trivially_copyable_v<T>);
    broadcast_bytes(std::as_writable_bytes(std::span<T>(&value, 1)), root);
    return value;
  }
  [[nodiscard]] std::string broadcast_text(std::string text, int root = 0) const;
  template <typename T>
  void broadcast_vector(std::vector<T>& values, int root = 0) const {
    values.resize(broadcast(values.size(), root));
    broadcast(std::span<T>(values), root);
  }

  // Every rank's values, concatenated in rank order, on every rank. Lengths may differ. Collective.
  template <typename T>
  [[nodiscard]] std::vector<T> all_gather(std::span<const T> values) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> result;
    all_gather_bytes(std::as_bytes(values), [&result](std::size_t bytes) {
      result.resize(bytes / sizeof(T));
      return std::as_writable_bytes(std::span<T>(result));
    });
    return result;
  }
  // Every rank's value, in rank order. One exchange, where values of unknown number take two. Collective.
  template <typename T>
  [[nodiscard]] std::vector<T> all_gather(const T& value) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> result(static_cast<std::size_t>(size_));
    constexpr int bytes = sizeof(T);
    check_mpi(MPI_Allgather(&value, bytes, MPI_BYTE, result.data(), bytes, MPI_BYTE, communicator_), "MPI_Allgather");
    return result;
  }

 private:
  Communicator() = default;
  void release() noexcept;
  void broadcast_bytes(std::span<std::byte> bytes, int root) const;
  void all_gather_bytes(std::span<const std::byte> bytes,
                        const std::function<std::span<std::byte>(std::size_t)>& make_room) const;
  template <typename T>
  [[nodiscard]] T reduce(T value, MPI_Op operation) const {
    T result{};
    check_mpi(MPI_Allreduce(&value, &result, 1, mpi_type<T>(), operation, communicator_), "MPI_Allreduce");
    return result;
  }
  template <typename T>
  void reduce_in_place(std::span<T> values, MPI_Op operation) const {
    // Counts are int in MPI 3; long arrays go in pieces.
    constexpr std::size_t piece = std::size_t{1} << 26;
    for (std::size_t first = 0; first < values.size(); first += piece) {
      const auto count = std::min(piece, values.size() - first);
      check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data() + first, static_cast<int>(count), mpi_type<T>(), operation,
                              communicator_),
                "MPI_Allreduce");
    }
  }

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

// Throws the same agreed Error on every rank if any rank passes a non-null error (that of the lowest failing rank).
// Collective.
void agree_on_error(const Communicator& communicator, const std::exception_ptr& error);

// Runs `local_work` on every rank; it must not call anything collective. If it throws on any rank, all ranks throw the
// lowest failing rank's error together, so that none waits for another. Collective.
template <typename Work>
auto collectively(const Communicator& communicator, Work&& local_work) {
  std::exception_ptr error;
  if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
    try {
      local_work();
    } catch (...) {
      error = std::current_exception();
    }
    agree_on_error(communicator, error);
  } else {
    std::optional<std::invoke_result_t<Work>> result;
    try {
      result.emplace(local_work());
    } catch (...) {
      error = std::current_exception();
    }
    agree_on_error(communicator, error);
    return std::move(*result);
  }
}

// The same, with the work done by rank 0 only. Collective.
template <typename Work>
void on_root(const Communicator& communicator, Work&& local_work) {
  collectively(communicator, [&] {
    if (communicator.is_root()) local_work();
  });
}

}  // namespace mesoglass
