#include "core/provenance.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <memory>

#include "core/build_information.hpp"

namespace mesoglass {

namespace {

std::string host_name() {
  char name[256] = "unknown";
  gethostname(name, sizeof name - 1);
  return name;
}

std::string utc_text(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace

std::string sha256_of_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw input_error("{} cannot be read ({})", path.string(), std::strerror(errno));
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
  std::vector<char> buffer(std::size_t{1} << 20);
  while (stream.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || stream.gcount() > 0) {
    EVP_DigestUpdate(context.get(), buffer.data(), static_cast<std::size_t>(stream.gcount()));
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  EVP_DigestFinal_ex(context.get(), digest.data(), &length);
  std::string text;
  for (unsigned i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

Provenance::Provenance(std::string program, std::string command_line, std::string configuration, int ranks)
    : program_(std::move(program)),
      command_line_(std::move(command_line)),
      configuration_(std::move(configuration)),
      ranks_(ranks) {}

void Provenance::add_input(const std::filesystem::path& path) {
  // Hashing more than this takes longer than many an analysis.
  constexpr std::uintmax_t largest_hashed = std::uintmax_t{1} << 30;
  const auto size = std::filesystem::file_size(path);
  if (size <= largest_hashed) {
    inputs_.push_back(fmt::format("{} ({} bytes, sha256 {})", path.string(), size, sha256_of_file(path)));
    return;
  }
  const auto age = std::filesystem::last_write_time(path).time_since_epoch();
  inputs_.push_back(fmt::format("{} ({} bytes, modification time {} ns of the file clock)", path.string(), size,
                                std::chrono::duration_cast<std::chrono::nanoseconds>(age).count()));
}

void Provenance::write(Hdf5File& file) const {
  const std::string group = "/provenance";
  const auto& communicator = file.communicator();
  const auto now = std::chrono::system_clock::now();
  const double wall_time = communicator.broadcast(std::chrono::duration<double>(now - start_).count());
  file.create_group(group);
  file.set_attribute(group, "program", program_);
  file.set_attribute(group, "version", project_version);
  file.set_attribute(group, "git_revision", git_revision);
  file.set_attribute(group, "compiler", compiler);
  file.set_attribute(group, "build_type", build_type);
  file.set_attribute(group, "host", communicator.broadcast_text(host_name()));
  file.set_attribute(group, "start_utc", communicator.broadcast_text(utc_text(start_)));
  file.set_attribute(group, "wall_time_s", wall_time);
  file.set_attribute(group, "ranks", std::int64_t{ranks_});
  // Text, since HDF5 attributes and many readers stop at signed 64 bits.
  if (seed_) file.set_attribute(group, "seed", fmt::format("{}", *seed_));
  file.write_text(group + "/command_line", command_line_, "command line as given");
  file.write_text(group + "/configuration", configuration_, "every option with its value in this run");
  std::string inputs;
  for (const auto& input : inputs_) inputs += input + '\n';
  file.write_text(group + "/inputs", communicator.broadcast_text(inputs), "input files with size and hash, one a line");
  file.write_texts(group + "/libraries", library_versions(), "libraries in use at run time");
}

}  // namespace mesoglass
