// RUN: descent-opt %s -split-input-file -convert-plan-to-loops -verify-diagnostics

plan.program @a_region_of_entries_has_no_control_flow segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      %true = arith.constant true
      // expected-error @below {{'scf.if' op has no vector form, so it cannot stand in a stage}}
      %u = scf.if %true -> f32 {
        scf.yield %wi : f32
      } else {
        %twice = arith.addf %wi, %wi : f32
        scf.yield %twice : f32
      }
      plan.yield %u : f32
    }
  }
}

// -----

plan.program @vectors_are_raised_to_no_power_of_their_own segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      %three = arith.constant 3 : i32
      // expected-error @below {{'math.fpowi' op has no vector form, so it cannot stand in a stage}}
      %u = math.fpowi %wi, %three : f32, i32
      plan.yield %u : f32
    }
  }
}

// -----

plan.program @a_product_without_a_packed_factor segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %b = plan.scratch worker : !plan.buffer<short, short, f32>
    // expected-error @below {{'plan.product' op reads no packed factor; run plan-pack-factors first}}
    plan.product %a, %a : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32>
        over <short, short> writes(%b : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
