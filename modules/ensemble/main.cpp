// mg-ensemble: many deformation runs and what they say together.
#include "ensemble/ensemble_program.hpp"

int main(int argc, char** argv) {
  using namespace mesoglass;
  return run_program(argc, argv, ensemble::ensemble_program_information(), ensemble::ensemble_program_options(),
                     ensemble::run_ensemble_program);
}
