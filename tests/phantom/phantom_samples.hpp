// A small phantom for tests: 8 x 6 positions, 64 x 64 pixels.
#pragma once

#include "phantom/phantom_model.hpp"

namespace mesoglass::test {

inline phantom::PhantomModel small_model() {
  phantom::PhantomModel model;
  model.seed = 42;
  model.scan_ny = 8;
  model.scan_nx = 6;
  model.scan_step_nm = 0.5;
  model.detector.ny = 64;
  model.detector.nx = 64;
  model.detector.k_per_pixel_inverse_nm = 0.2;
  model.detector.centre_x_px = 31.2;
  model.detector.centre_y_px = 32.7;
  return model;
}

inline phantom::MroType small_type() {
  return phantom::parse_type("name=a,k=4,fold=6,diameter=1.2,spread=0.1,fraction=0.1,order=0.8");
}

}  // namespace mesoglass::test
