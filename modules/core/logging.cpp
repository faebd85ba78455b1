#include "core/logging.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_color_sinks.h>

#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace mesoglass {

struct Log::State {
  bool quiet = false;
  std::unique_ptr<spdlog::logger> screen;  // null on ranks that stay silent
  std::ofstream json;
};

Log::Log(const Communicator& communicator, bool quiet, const std::filesystem::path& json_file)
    : state_(std::make_unique<State>()) {
  state_->quiet = quiet;
  if (!communicator.is_root()) return;
  state_->screen =
      std::make_unique<spdlog::logger>("mesoglass", std::make_shared<spdlog::sinks::stderr_color_sink_st>());
  state_->screen->set_level(quiet ? spdlog::level::warn : spdlog::level::info);
  state_->screen->set_pattern("[%H:%M:%S] %^%v%$");
  if (!json_file.empty()) {
    state_->json.open(json_file, std::ios::app);
    if (!state_->json)
      throw input_error("--log-json {} cannot be written ({})", json_file.string(), std::strerror(errno));
  }
}

Log::~Log() = default;

bool Log::quiet() const noexcept {
  return state_->quiet || !state_->screen;
}

void Log::write(bool is_warning, const std::string& text) const {
  if (!state_->screen) return;
  if (is_warning) {
    state_->screen->warn("warning: {}", text);
  } else {
    state_->screen->info("{}", text);
  }
  if (state_->json.is_open()) {
    const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    const nlohmann::ordered_json line = {
        {"time", now}, {"level", is_warning ? "warning" : "information"}, {"text", text}};
    state_->json << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  }
}

}  // namespace mesoglass
