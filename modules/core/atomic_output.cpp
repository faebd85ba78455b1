#include "core/atomic_output.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace mesoglass {

namespace {

std::filesystem::path partial_path(const std::filesystem::path& path) {
  auto temporary = path;
  temporary += ".partial";
  return temporary;
}

// Data reach the disk before the name does, so that a power cut leaves the old file or the new one.
void flush_to_disk(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  if (descriptor < 0) throw failure("{} cannot be opened for flushing ({})", path.string(), std::strerror(errno));
  const int result = ::fsync(descriptor);
  const int reason = errno;
  ::close(descriptor);
  // Some file systems cannot flush a folder or a file and say EINVAL; that is theirs to answer for.
  if (result != 0 && reason != EINVAL && reason != EROFS) {
    throw failure("{} cannot be flushed to disk ({}): is the disk full?", path.string(), std::strerror(reason));
  }
}

void rename_into_place(const std::filesystem::path& temporary, const std::filesystem::path& final_path) {
  flush_to_disk(temporary);
  std::error_code error;
  std::filesystem::rename(temporary, final_path, error);
  if (error) {
    throw failure("{} cannot be renamed to {} ({})", temporary.string(), final_path.string(), error.message());
  }
  const auto folder = final_path.parent_path();
  flush_to_disk(folder.empty() ? std::filesystem::path(".") : folder);
}

}  // namespace

AtomicOutput::AtomicOutput(const Communicator& communicator, std::filesystem::path final_path, IfExists if_exists)
    : communicator_(communicator), final_path_(std::move(final_path)), temporary_path_(partial_path(final_path_)) {
  on_root(communicator_, [&] {
    if (final_path_.empty()) throw input_error("the output has no name: give one");
    auto folder = final_path_.parent_path();
    if (folder.empty()) folder = ".";
    std::error_code error;
    if (!std::filesystem::is_directory(folder, error)) {
      throw input_error("output {}: {} is no folder: make it first", final_path_.string(), folder.string());
    }
    if (std::filesystem::is_directory(final_path_, error)) {
      throw input_error("output {} is a folder: give a file name", final_path_.string());
    }
    if (std::filesystem::exists(final_path_, error) && if_exists == IfExists::refuse) {
      throw input_error("output {} exists: give --overwrite to replace it, --resume to continue, or another name",
                        final_path_.string());
    }
    const int descriptor = ::open(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (descriptor < 0) {
      throw input_error("output {} cannot be written ({}): choose a folder you may write to", final_path_.string(),
                        std::strerror(errno));
    }
    ::close(descriptor);
  });
}

AtomicOutput::~AtomicOutput() {
  if (committed_ || !communicator_.is_root()) return;
  std::error_code error;
  std::filesystem::remove(temporary_path_, error);
}

void AtomicOutput::commit() {
  communicator_.barrier();  // every rank has closed the file
  on_root(communicator_, [&] { rename_into_place(temporary_path_, final_path_); });
  committed_ = true;
}

void write_text_file(const std::filesystem::path& path, const std::string& text) {
  const auto temporary = partial_path(path);
  {
    std::ofstream stream(temporary, std::ios::binary | std::ios::trunc);
    stream << text;
    stream.flush();
    if (!stream) {
      throw failure("{} cannot be written ({}): check the folder, the permissions and the free space", path.string(),
                    std::strerror(errno));
    }
  }
  rename_into_place(temporary, path);
}

std::string read_text_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    throw input_error("{} is {}: check the path", path.string(),
                      std::filesystem::exists(path, error) ? "not a regular file" : "not there");
  }
  std::ifstream stream(path, std::ios::binary);
  std::ostringstream content;
  content << stream.rdbuf();
  if (!stream) throw input_error("{} cannot be read ({})", path.string(), std::strerror(errno));
  return content.str();
}

}  // namespace mesoglass
