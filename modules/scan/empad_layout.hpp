// The numbers of an EMPAD v1 frame: 130 rows of 128 floats, of which the last two are a footer.
#pragma once

#include <cstdint>

namespace mesoglass::scan {

inline constexpr std::int64_t empad_side = 128;
inline constexpr std::int64_t empad_pattern_bytes = empad_side * empad_side * 4;
inline constexpr std::int64_t empad_footer_bytes = 1024;
inline constexpr std::int64_t empad_frame_bytes = empad_pattern_bytes + empad_footer_bytes;
static_assert(empad_frame_bytes == 66560);

}  // namespace mesoglass::scan
