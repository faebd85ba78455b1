#include "core/communicator.hpp"

#include <numeric>
#include <utility>

namespace mesoglass {

void check_mpi(int return_code, const char* call) {
  if (return_code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING];
  int length = 0;
  MPI_Error_string(return_code, text, &length);
  throw failure("{} failed: {}", call, std::string(text, static_cast<std::size_t>(length)));
}

Communicator::Communicator(MPI_Comm source) {
  check_mpi(MPI_Comm_dup(source, &communicator_), "MPI_Comm_dup");
  MPI_Comm_rank(communicator_, &rank_);
  MPI_Comm_size(communicator_, &size_);
}

Communicator::~Communicator() {
  release();
}

Communicator::Communicator(Communicator&& other) noexcept
    : communicator_(std::exchange(other.communicator_, MPI_COMM_NULL)), rank_(other.rank_), size_(other.size_) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this != &other) {
    release();
    communicator_ = std::exchange(other.communicator_, MPI_COMM_NULL);
    rank_ = other.rank_;
    size_ = other.size_;
  }
  return *this;
}

void Communicator::release() noexcept {
  if (communicator_ == MPI_COMM_NULL) return;
  int finalized = 0;
  MPI_Finalized(&finalized);
  // While an exception unwinds one rank only, freeing (which is collective) could wait for the others for ever.
  if (finalized == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&communicator_);
  communicator_ = MPI_COMM_NULL;
}

Communicator Communicator::split(int colour) const {
  Communicator part;
  check_mpi(MPI_Comm_split(communicator_, colour, rank_, &part.communicator_), "MPI_Comm_split");
  MPI_Comm_rank(part.communicator_, &part.rank_);
  MPI_Comm_size(part.communicator_, &part.size_);
  return part;
}

void Communicator::barrier() const {
  check_mpi(MPI_Barrier(communicator_), "MPI_Barrier");
}

std::string Communicator::broadcast_text(std::string text, int root) const {
  text.resize(broadcast(text.size(), root));
  broadcast_bytes(std::as_writable_bytes(std::span<char>(text)), root);
  return text;
}

void Communicator::broadcast_bytes(std::span<std::byte> bytes, int root) const {
  constexpr std::size_t piece = std::size_t{1} << 30;
  for (std::size_t first = 0; first < bytes.size(); first += piece) {
    const auto count = std::min(piece, bytes.size() - first);
    check_mpi(MPI_Bcast(bytes.data() + first, static_cast<int>(count), MPI_BYTE, root, communicator_), "MPI_Bcast");
  }
}

void Communicator::all_gather_bytes(std::span<const std::byte> bytes,
                                    const std::function<std::span<std::byte>(std::size_t)>& make_room) const {
  std::vector<std::uint64_t> lengths(static_cast<std::size_t>(size_));
  const std::uint64_t own = bytes.size();
  check_mpi(MPI_Allgather(&own, 1, MPI_UINT64_T, lengths.data(), 1, MPI_UINT64_T, communicator_), "MPI_Allgather");
  const auto total = std::accumulate(lengths.begin(), lengths.end(), std::uint64_t{0});
  auto room = make_room(total);
  if (total < (std::uint64_t{1} << 31)) {
    std::vector<int> counts(lengths.begin(), lengths.end());
    std::vector<int> offsets(counts.size(), 0);
    std::exclusive_scan(counts.begin(), counts.end(), offsets.begin(), 0);
    check_mpi(MPI_Allgatherv(bytes.data(), static_cast<int>(own), MPI_BYTE, room.data(), counts.data(), offsets.data(),
                             MPI_BYTE, communicator_),
              "MPI_Allgatherv");
    return;
  }
  std::size_t offset = 0;
  for (int source = 0; source < size_; ++source) {
    const auto length = lengths[static_cast<std::size_t>(source)];
    auto part = room.subspan(offset, length);
    if (source == rank_) std::copy(bytes.begin(), bytes.end(), part.begin());
    broadcast_bytes(part, source);
    offset += length;
  }
}

void agree_on_error(const Communicator& communicator, const std::exception_ptr& error) {
  const int failing_rank = communicator.min(error ? communicator.rank() : communicator.size());
  if (failing_rank == communicator.size()) return;
  auto exit_code = ExitCode::failure;
  std::string message;
  if (communicator.rank() == failing_rank) {
    try {
      std::rethrow_exception(error);
    } catch (const Error& caught) {
      exit_code = caught.exit_code();
      message = caught.what();
    } catch (const std::bad_alloc&) {
      message = "out of memory: use more ranks or nodes, or a smaller problem (--dry-run tells what it needs)";
    } catch (const std::exception& caught) {
      message = caught.what();
    } catch (...) {
      message = "an error of unknown type";
    }
  }
  exit_code = communicator.broadcast(exit_code, failing_rank);
  message = communicator.broadcast_text(std::move(message), failing_rank);
  throw Error(exit_code, message, true);
}

}  // namespace mesoglass
