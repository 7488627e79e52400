// RUN: descent-opt %s -convert-plan-to-gpu -gpu-add-driver -gpu-emit-artifact -split-input-file | FileCheck %s

// What a library can do has a record: buffers, types, orientation and constants, wherever these come from.
// CHECK-LABEL: module {
plan.program @taken segments 1 {
  plan.track @all class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    %b = plan.scratch worker : !plan.buffer<short, short, bf16>
    %c = plan.scratch worker : !plan.buffer<short, short, f32>
    %k:2 = plan.scalars() -> (f64, f64) {
      %p = arith.constant 0.1 : f64
      %q = arith.constant -4.75 : f64
      plan.yield %p, %q : f64, f64
    }
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
        over <short, short> writes(%a : !plan.buffer<short, short, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    plan.product %a, %a symmetric : !plan.buffer<short, short, bf16>, !plan.buffer<short, short, bf16>
        over <short, short> reads(%a : !plan.buffer<short, short, bf16>) scalars(%k#0, %k#1)
        writes(%b : !plan.buffer<short, short, bf16>) {
    ^bb0(%acc: f32, %e: f32, %p: f64, %q: f64):
      %r = arith.truncf %e : f32 to bf16
      %w = arith.extf %r : bf16 to f32
      %p32 = arith.truncf %p : f64 to f32
      %q32 = arith.truncf %q : f64 to f32
      %s = arith.mulf %acc, %p32 : f32
      %t = arith.mulf %q32, %w : f32
      %u = arith.addf %t, %s : f32
      %v = arith.truncf %u : f32 to bf16
      %y = arith.extf %v : bf16 to f32
      plan.yield %y : f32
    }
    // The result has the type of the sums.
    plan.product %a, %b : !plan.buffer<short, short, bf16>, !plan.buffer<short, short, bf16>
        over <short, short> writes(%c : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      %two = arith.constant 2.0 : f32
      %s = arith.mulf %acc, %two : f32
      %n = arith.negf %s : f32
      plan.yield %n : f32
    }
  }
}
// CHECK: @taken_launch1_product() {
// CHECK: llvm.mlir.constant(1.000000e+00 : f64)
// CHECK: @taken_launch2_product() {
// CHECK: llvm.mlir.constant(0.10000000149011612 : f64)
// CHECK: llvm.mlir.constant(-4.750000e+00 : f64)
// CHECK: @taken_launch3_product() {
// CHECK: llvm.mlir.constant(-2.000000e+00 : f64)
// CHECK: @taken_device()

// -----

// CHECK-LABEL: module {
// CHECK-NOT: @left_launch{{[0-9]+}}_product
// CHECK: @left_device()
plan.program @left segments 1 {
  plan.track @all class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, bf16>
    %lr = plan.hyper "lr" = 0.125
    %x = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %f = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %a = plan.scratch worker : !plan.buffer<rows, rows, bf16>
    %b = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %c = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %d = plan.scratch worker : !plan.buffer<rows, rows, bf16>
    %g = plan.scratch worker : !plan.buffer<short, short, bf16>
    %y = plan.scratch worker : !plan.buffer<short, long, bf16>
    %z = plan.scratch worker : !plan.buffer<short, long, bf16>
    %parts = plan.scratch worker : !plan.buffer<one, tiles, f64>
    // The result is the caller's.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%w : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // A factor is the caller's, which may move.
    plan.product %a, %w : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // A hyperparameter is no constant.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> scalars(%lr) writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32, %lri: f64):
      %s = arith.truncf %lri : f64 to f32
      %t = arith.mulf %acc, %s : f32
      plan.yield %t : f32
    }
    // No library squares a sum, multiplies it by an entry or adds a constant.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      %t = arith.mulf %acc, %acc : f32
      plan.yield %t : f32
    }
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> reads(%x : !plan.buffer<rows, cols, bf16>) writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32, %e: f32):
      %t = arith.mulf %acc, %e : f32
      plan.yield %t : f32
    }
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      %one = arith.constant 1.0 : f32
      %t = arith.addf %acc, %one : f32
      plan.yield %t : f32
    }
    // A rounding before the last one, which a library does not do.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> reads(%x : !plan.buffer<rows, cols, bf16>) writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32, %e: f32):
      %r = arith.truncf %acc : f32 to bf16
      %s = arith.extf %r : bf16 to f32
      %t = arith.addf %s, %e : f32
      plan.yield %t : f32
    }
    // What is added has another type, or lies in the other orientation.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> reads(%f : !plan.buffer<rows, cols, f32>) writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32, %e: f32):
      %t = arith.addf %acc, %e : f32
      plan.yield %t : f32
    }
    plan.product %g, %y : !plan.buffer<short, short, bf16>, !plan.buffer<short, long, bf16>
        over <short, long> reads(%x : !plan.buffer<rows, cols, bf16>) writes(%z : !plan.buffer<short, long, bf16>) {
    ^bb0(%acc: f32, %e: f32):
      %t = arith.addf %acc, %e : f32
      plan.yield %t : f32
    }
    // Factors of two types.
    plan.product %a, %f : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, f32>
        over <rows, cols> writes(%b : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // Two results; a result and a reduction.
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%b, %c : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc, %acc : f32, f32
    }
    plan.product %a, %x : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, cols> writes(%b : !plan.buffer<rows, cols, bf16>)
        reduces [sum] into(%parts : !plan.buffer<one, tiles, f64>) {
    ^bb0(%acc: f32):
      %wide = arith.extf %acc : f32 to f64
      plan.yield %acc, %wide : f32, f64
    }
    // An entry's place matters.
    plan.product %a, %a : !plan.buffer<rows, rows, bf16>, !plan.buffer<rows, rows, bf16>
        over <rows, rows> writes(%d : !plan.buffer<rows, rows, bf16>) {
    ^bb0(%acc: f32):
      %i = plan.diagonal : f32
      %t = arith.addf %acc, %i : f32
      plan.yield %t : f32
    }
  }
}
