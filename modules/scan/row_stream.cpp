#include "scan/row_stream.hpp"

#include <chrono>
#include <csignal>
#include <utility>

namespace mesoglass::scan {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

RowStream::RowStream(const ScanReader& reader, std::vector<Range> blocks)
    : reader_(reader), blocks_(std::move(blocks)) {
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { read_all(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

RowStream::~RowStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void RowStream::read_all() {
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || block < returned_ + buffers; });
      if (stop_) return;
    }
    std::exception_ptr error;
    const auto start = Clock::now();
    try {
      auto& buffer = buffers_[block % buffers];
      buffer.resize(static_cast<std::size_t>(blocks_[block].size() * reader_.description().values_per_row()));
      reader_.read_rows(blocks_[block].begin, blocks_[block].size(), buffer);
    } catch (...) {
      error = std::current_exception();
    }
    {
      const std::lock_guard lock(mutex_);
      reading_s_ += seconds_since(start);
      error_ = error;
      if (!error) read_ = block + 1;
    }
    changed_.notify_all();
    if (error) return;
  }
}

std::optional<RowStream::Block> RowStream::next() {
  std::unique_lock lock(mutex_);
  if (returned_ < handed_) {
    returned_ = handed_;
    changed_.notify_all();
  }
  if (handed_ == blocks_.size()) return std::nullopt;
  const auto start = Clock::now();
  changed_.wait(lock, [&] { return error_ || read_ > handed_; });
  waited_s_ += seconds_since(start);
  if (read_ <= handed_) std::rethrow_exception(error_);
  const std::size_t block = handed_++;
  return Block{blocks_[block], buffers_[block % buffers]};
}

double RowStream::reading_s() const {
  const std::lock_guard lock(mutex_);
  return reading_s_;
}

}  // namespace mesoglass::scan
