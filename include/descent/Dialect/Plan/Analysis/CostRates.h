// How fast a machine is, as far as plans are compared by it.
#ifndef DESCENT_DIALECT_PLAN_ANALYSIS_COSTRATES_H
#define DESCENT_DIALECT_PLAN_ANALYSIS_COSTRATES_H

namespace descent::plan {

/// Nanoseconds that a machine takes for a byte of memory, an operation and a stage; their ratios matter. By default one
/// core, measured on a processor with 512-bit vectors: 45 GB/s, 118 GFLOP/s of f32 products.
struct CostRates {
  double byte = 0.022;
  double entryFlop = 0.008;      // one entry by itself
  double slowFlop = 0.1;         // a division, root or function besides
  double productFlopF64 = 0.017; // of matrix products, by the type of the factors
  double productFlopF32 = 0.0085;
  double productFlop16 = 0.0043;
  double stage = 500; // to begin one
};

} // namespace descent::plan

#endif // DESCENT_DIALECT_PLAN_ANALYSIS_COSTRATES_H
