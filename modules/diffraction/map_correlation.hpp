// Statistics of maps over the scan and of the relations between them: mean, spread, noise, correlation length, Pearson
// correlation with an error that counts independent places, and correlation against distance.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass::diffraction {

struct LocalMap {
  std::string name;
  std::string unit;
  std::string description;
  std::vector<float> values;  // (scan_y, scan_x), NaN where unknown
  bool with_distance = true;  // also correlated with the others against distance
};

// Lengths in scan steps; NaN where there is none.
struct MapSummary {
  double positions = 0.0;    // that have a value
  double independent = 0.0;  // as many independent values tell as much of the mean
  double mean = 0.0, mean_error = 0.0;
  double deviation = 0.0;        // of single positions
  double noise_deviation = 0.0;  // the part of it that neighbouring positions do not share
  double skewness = 0.0;
  double correlation_length = 0.0;  // where the autocorrelation (noise left out) has fallen to 1/e
  double exponential_length = 0.0, exponential_residual = 0.0;  // fit of A exp(-r / l), rms residual
  double gaussian_length = 0.0, gaussian_residual = 0.0;        // fit of A exp(-(r / l)^2)
};

struct MapRelations {
  int maps = 0;
  int lags = 0;  // 0, 1, ... lags - 1 steps
  std::vector<MapSummary> summaries;
  std::vector<double> autocorrelation;  // (maps, lags), radial mean, 1 at 0
  // (maps, maps): Pearson's r, its standard error, the number of independent places that decides it, the probability
  // that unrelated maps with these autocorrelations give an r as large, and r with the first map held fixed.
  std::vector<double> correlation, correlation_error, independent, probability, partial;
  std::vector<double> cross_correlation;  // (maps, maps, lags), radial mean; NaN unless both are wanted with distance
  [[nodiscard]] std::size_t at(int a, int b) const noexcept {
    return static_cast<std::size_t>(a) * static_cast<std::size_t>(maps) + static_cast<std::size_t>(b);
  }
};

// Positions count where every usable map has a value; a map with values at fewer than half of the positions where the
// first one has some, or without any spread, gets NaN. Number of independent places of a pair by Clifford, Richardson
// and Hemon 1989: 1 / (sum over pairs of places of rho_a rho_b / N^2); error (1 - r^2) / sqrt(n - 1); probability from
// Student's t with n - 2 degrees of freedom. A map's own mean, taken out, is put back in its autocorrelation. Noise
// that neighbours do not share: the autocorrelation at zero lag less the value extrapolated from lags 1 to 3 with a + b
// r^2 + c r^4. Scans under 8 x 8 have no relations. Every rank passes the same maps and gets the same bits on any
// number of ranks. Collective.
[[nodiscard]] MapRelations relate_maps(const Communicator& communicator, std::span<const LocalMap> maps,
                                       std::int64_t ny, std::int64_t nx);

}  // namespace mesoglass::diffraction
