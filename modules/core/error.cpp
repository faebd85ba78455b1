#include "core/error.hpp"

namespace mesoglass {

Error with_context(const std::string& context, const std::exception& cause) {
  const auto message = fmt::format("{}: {}", context, cause.what());
  if (const auto* error = dynamic_cast<const Error*>(&cause)) return {error->exit_code(), message, error->agreed()};
  return {ExitCode::failure, message};
}

}  // namespace mesoglass
