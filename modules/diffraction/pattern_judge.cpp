#include "diffraction/pattern_judge.hpp"

#include <algorithm>
#include <cmath>

namespace mesoglass::diffraction {

void PatternCounts::add(Verdict verdict) noexcept {
  if (verdict == Verdict::not_read) return;
  ++total;
  switch (verdict) {
    case Verdict::kept:
      ++kept;
      break;
    case Verdict::not_finite:
      ++not_finite;
      break;
    case Verdict::empty:
      ++empty;
      break;
    case Verdict::no_disc:
      ++no_disc;
      break;
    case Verdict::too_thick:
      ++too_thick;
      break;
    case Verdict::wrong_thickness:
      ++wrong_thickness;
      break;
    case Verdict::not_read:
      break;
  }
}

double lowest_transmittance(const AreaGeometry& geometry, const AnalysisSettings& settings) noexcept {
  if (!geometry.disc) return 0.0;
  const bool set_aside =
      !settings.transmittance_min_given && geometry.median_transmittance < settings.transmittance_min;
  return set_aside ? 0.0 : settings.transmittance_min;
}

Point pattern_centre(const AreaGeometry& geometry, const AnalysisSettings& settings, std::int64_t row,
                     std::int64_t column, Point disc_centre) noexcept {
  if (settings.centre_source == CentreSource::pattern && geometry.disc && !settings.centre) {
    return {disc_centre.x + geometry.ring_offset.x, disc_centre.y + geometry.ring_offset.y};
  }
  return geometry.centre_at(static_cast<double>(row), static_cast<double>(column));
}

PatternJudge::PatternJudge(const AreaGeometry& geometry, const AnalysisSettings& settings)
    : geometry_(geometry),
      settings_(settings),
      transmittance_min_(lowest_transmittance(geometry, settings)),
      meter_(geometry.shape, geometry.good, geometry.disc ? geometry.aperture_radius_px : 0.0) {}

Verdict PatternJudge::judge_thickness(double transmittance) const noexcept {
  if (transmittance < transmittance_min_) return Verdict::too_thick;
  if (!settings_.mean_free_path_nm) return Verdict::kept;
  const double thickness = -*settings_.mean_free_path_nm * std::log(std::max(transmittance, 1e-300));
  if ((settings_.thickness_low_nm && thickness < *settings_.thickness_low_nm) ||
      (settings_.thickness_high_nm && thickness > *settings_.thickness_high_nm)) {
    return Verdict::wrong_thickness;
  }
  return Verdict::kept;
}

PatternJudge::Judgement PatternJudge::judge(std::span<const float> pattern, std::int64_t row,
                                            std::int64_t column) const {
  Judgement result;
  const Point expected = geometry_.plane.at(static_cast<double>(row), static_cast<double>(column));
  const DiscMeasurement disc = meter_.measure(pattern, expected);
  result.scattered = disc.total - (geometry_.disc ? disc.disc : 0.0);
  if (!disc.finite) {
    result.verdict = Verdict::not_finite;
  } else if (!(disc.total > 0.0)) {
    result.verdict = Verdict::empty;
  } else if (geometry_.disc) {
    result.disc_centre = disc.centre;
    result.transmittance = disc.disc / settings_.vacuum_intensity.value_or(disc.total);
    result.verdict = std::isfinite(disc.centre.x) ? judge_thickness(result.transmittance) : Verdict::no_disc;
  }
  return result;
}

}  // namespace mesoglass::diffraction
