// RUN: descent-opt %s -gpu-emit-artifact -split-input-file -verify-diagnostics
// RUN: not descent-opt %s -split-input-file -gpu-emit-artifact=target=cuda:sm_1 2>&1 | FileCheck %s
// CHECK: there is no target 'cuda:sm_1'

plan.program @tiny segments 1 {
  plan.track @all class any rule "tiny" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    // expected-error@+1 {{has no kernel; run convert-plan-to-gpu first}}
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>)
        writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      plan.yield %wi : f32
    }
  }
}
