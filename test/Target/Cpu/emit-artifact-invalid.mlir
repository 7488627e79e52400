// RUN: not descent-opt %s -cpu-emit-artifact=target=cpu:z80 2>&1 | FileCheck %s --check-prefix=TARGET
// RUN: not descent-opt %s -cpu-emit-artifact='target=cpu:avx2 paths=cpu:avx512' 2>&1 | FileCheck %s --check-prefix=PATHS
// RUN: not descent-opt %s -cpu-emit-artifact=target=cpu:avx2 2>&1 | FileCheck %s --check-prefix=ENTRY

// TARGET: error: there is no target 'cpu:z80' that this machine knows
// PATHS: error: the target 'cpu:avx2' is not among the artifact's paths
// ENTRY: error: 'plan.scalars' op has no entry; run cpu-bind-kernels first
plan.program @entries_come_first segments 1 {
  plan.track @t class any {
    %lr = plan.hyper "lr" = 0.1
    %x = plan.scalars(%lr) -> (f64) {
    ^bb0(%l: f64):
      plan.yield %l : f64
    }
  }
}
