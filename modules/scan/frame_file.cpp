#include "scan/frame_file.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace mesoglass::scan {

namespace {

// Linux reads at most about 2 GiB a call, and IOV_MAX pieces; both far away from here.
constexpr std::int64_t bytes_per_call = std::int64_t{1} << 28;
constexpr std::int64_t frames_per_call = 256;

class FileHandle {
 public:
  explicit FileHandle(const std::filesystem::path& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (descriptor_ < 0) {
      throw input_error("cannot open {} ({}): check the path and the permissions", path.string(), std::strerror(errno));
    }
  }
  ~FileHandle() { ::close(descriptor_); }
  FileHandle(const FileHandle&) = delete;
  FileHandle& operator=(const FileHandle&) = delete;
  [[nodiscard]] int get() const noexcept { return descriptor_; }

 private:
  int descriptor_;
};

class FrameReader : public ScanReader {
 public:
  FrameReader(ScanDescription description, const FrameLayout& layout)
      : ScanReader(std::move(description)), layout_(layout), file_(description_.path) {
    description_.parts_of_rows = true;
  }

  void read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override {
    check_request(first_row, row_count, patterns.size());
    read_frames(first_row * description_.scan_nx, row_count * description_.scan_nx, patterns);
  }

  void read_part(std::int64_t row, Range columns, std::span<float> patterns) const override {
    if (columns.begin < 0 || columns.size() < 0 || columns.end > description_.scan_nx ||
        patterns.size() != static_cast<std::size_t>(columns.size() * description_.pixels())) {
      throw std::logic_error(fmt::format("columns {} to {} of rows of {} into {} values", columns.begin, columns.end,
                                         description_.scan_nx, patterns.size()));
    }
    read_frames(row * description_.scan_nx + columns.begin, columns.size(), patterns);
  }

 private:
  void read_frames(std::int64_t first, std::int64_t count, std::span<float> patterns) const {
    if (is_native_float(layout_.element)) {
      read_native(first, count, patterns);
    } else {
      read_converted(first, count, patterns);
    }
  }
  [[nodiscard]] std::int64_t frame_bytes() const { return description_.pixels() * layout_.element.type.bytes; }
  [[nodiscard]] std::int64_t offset_of(std::int64_t frame) const {
    return layout_.first_frame_byte + frame * layout_.frame_stride_bytes;
  }

  void read_bytes(std::byte* target, std::int64_t bytes, std::int64_t offset) const {
    while (bytes > 0) {
      const auto got = ::pread(file_.get(), target, static_cast<std::size_t>(std::min(bytes, bytes_per_call)), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) throw_short_read(offset, got < 0 ? std::strerror(errno) : "the file ends here");
      target += got;
      bytes -= got;
      offset += got;
    }
  }

  [[noreturn]] void throw_short_read(std::int64_t offset, const char* why) const {
    throw input_error("cannot read {} at byte {} ({}): the file has changed or the disk fails; copy it again",
                      description_.path.string(), offset, why);
  }

  // Floats of this machine go straight to their place; gaps (footers, headers) are read into a waste buffer by the same
  // call, which keeps the file's reading sequential.
  void read_native(std::int64_t first, std::int64_t count, std::span<float> patterns) const {
    auto* target = reinterpret_cast<std::byte*>(patterns.data());
    const std::int64_t gap = layout_.frame_stride_bytes - frame_bytes();
    if (gap == 0) return read_bytes(target, count * frame_bytes(), offset_of(first));
    std::vector<std::byte> waste(static_cast<std::size_t>(gap));
    std::vector<iovec> pieces;
    std::int64_t done = 0;
    while (done < count) {
      const std::int64_t batch = std::min(
          {count - done, frames_per_call, std::max<std::int64_t>(1, bytes_per_call / layout_.frame_stride_bytes)});
      pieces.clear();
      for (std::int64_t i = 0; i < batch; ++i) {
        pieces.push_back({target + (done + i) * frame_bytes(), static_cast<std::size_t>(frame_bytes())});
        if (i + 1 < batch) pieces.push_back({waste.data(), static_cast<std::size_t>(gap)});
      }
      const auto got = ::preadv(file_.get(), pieces.data(), static_cast<int>(pieces.size()), offset_of(first + done));
      if (got < 0 && errno != EINTR) throw_short_read(offset_of(first + done), std::strerror(errno));
      const std::int64_t wanted = batch * layout_.frame_stride_bytes - gap;
      if (got == wanted) {
        done += batch;
      } else {
        // Interrupted or cut short: finish this frame by plain reads, which also name the end of the file.
        read_bytes(target + done * frame_bytes(), frame_bytes(), offset_of(first + done));
        ++done;
      }
    }
  }

  void read_converted(std::int64_t first, std::int64_t count, std::span<float> patterns) const {
    constexpr std::int64_t staging_bytes = std::int64_t{1} << 22;
    const std::int64_t stride = layout_.frame_stride_bytes;
    const std::int64_t batch_frames = std::max<std::int64_t>(1, staging_bytes / stride);
    std::vector<std::byte> staging;
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t batch = std::min(batch_frames, count - done);
      staging.resize(static_cast<std::size_t>((batch - 1) * stride + frame_bytes()));
      read_bytes(staging.data(), static_cast<std::int64_t>(staging.size()), offset_of(first + done));
      for (std::int64_t i = 0; i < batch; ++i) {
        convert_to_float(std::span<const std::byte>(staging).subspan(static_cast<std::size_t>(i * stride),
                                                                     static_cast<std::size_t>(frame_bytes())),
                         layout_.element,
                         patterns.subspan(static_cast<std::size_t>((done + i) * description_.pixels()),
                                          static_cast<std::size_t>(description_.pixels())));
      }
      done += batch;
    }
  }

  FrameLayout layout_;
  FileHandle file_;
};

}  // namespace

std::unique_ptr<ScanReader> make_frame_reader(ScanDescription description, const FrameLayout& layout) {
  return std::make_unique<FrameReader>(std::move(description), layout);
}

std::int64_t checked_file_size(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    throw input_error("no file {} (it does not exist): check the path", path.string());
  }
  if (std::filesystem::is_directory(status)) {
    throw input_error("{} is a folder (a scan is one file): name the file inside it", path.string());
  }
  if (!std::filesystem::is_regular_file(status)) {
    throw input_error("{} is not a regular file (a scan is read at any position): copy it to a disk first",
                      path.string());
  }
  const auto size = std::filesystem::file_size(path, error);
  if (error) throw input_error("cannot ask for the size of {} ({})", path.string(), error.message());
  if (size == 0) throw input_error("{} is empty (0 bytes): the acquisition or the copy failed", path.string());
  const FileHandle readable(path);
  return static_cast<std::int64_t>(size);
}

std::string read_beginning(const std::filesystem::path& path, std::size_t count) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw input_error("cannot open {} for reading: check the permissions", path.string());
  std::string text(count, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(count));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return text;
}

}  // namespace mesoglass::scan
