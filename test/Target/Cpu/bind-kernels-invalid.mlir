// RUN: descent-opt %s -cpu-bind-kernels -verify-diagnostics

plan.program @kernels_come_first segments 1 {
  plan.track @t class any {
    %p = plan.scratch worker : !plan.buffer<one, rows, f64>
    // expected-error @below {{'plan.sweep' op has no kernel; run convert-plan-to-loops first}}
    plan.sweep over <one, rows> writes(%p : !plan.buffer<one, rows, f64>) {
      %zero = arith.constant 0.0 : f64
      plan.yield %zero : f64
    }
  }
}
