// RUN: descent-opt %s --verify-roundtrip | FileCheck %s

// CHECK-LABEL: plan.program @adamw segments 1
plan.program @adamw segments 1 {
  // CHECK: plan.track @vectors class vector rule "adamw"
  plan.track @vectors class vector rule "adamw" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    // CHECK: plan.state "m" init value 0.000000e+00 : <rows, cols, f32>
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
    %z = plan.state "z" init parameter 0.0 : !plan.buffer<rows, cols, f32>
    // CHECK: plan.hyper "lr" = 1.000000e-03
    %lr = plan.hyper "lr" = 1.0e-3
    %scale = plan.number gradient_scale
    // CHECK: %[[S:.*]] = plan.scalars(%{{.*}}, %{{.*}}) -> (f64) {
    %s = plan.scalars(%lr, %scale) -> (f64) {
    ^bb0(%l: f64, %c: f64):
      %p = arith.mulf %l, %c : f64
      plan.yield %p : f64
    }
    // CHECK: plan.sweep over <rows, cols> reads(%{{.*}} : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, bf16>) scalars(%[[S]]) writes(%{{.*}}, %{{.*}}
    plan.sweep over <rows, cols> reads(%w, %g : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, bf16>) scalars(%s)
        writes(%w, %m : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32, %gi: f32, %sl: f64):
      %s32 = arith.truncf %sl : f64 to f32
      %u = arith.mulf %gi, %s32 : f32
      %w1 = arith.subf %wi, %u : f32
      plan.yield %w1, %gi : f32, f32
    }
  }
}

// CHECK-LABEL: plan.program @clipped segments 2 clip_global_norm 1.000000e+00 skip_nonfinite
plan.program @clipped segments 2 clip_global_norm 1.0 skip_nonfinite {
  // CHECK: plan.total sum @squares in model
  plan.total sum @squares in model
  plan.total max @top in group
  plan.total sum @clip in model
  // CHECK: plan.track @hidden class matrix stored "out_in" rule "lanton" norm "#descent.rms_to_rms"
  plan.track @hidden class matrix stored "out_in" rule "lanton" norm "#descent.rms_to_rms" {
    %w = plan.weight : !plan.buffer<rows, cols, bf16>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %hvp = plan.input "hvp" : !plan.buffer<rows, cols, f32>
    %v = plan.state "v" init value 0.0 : !plan.buffer<one, rows, f32>
    %h = plan.layer_state "h" init 0.0
    %factor = plan.factor "lr_scale"
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %rowSums = plan.scratch worker : !plan.buffer<col_blocks, rows, f64>
    %columnSums = plan.scratch worker : !plan.buffer<row_blocks, cols, f64>
    %column = plan.scratch layer : !plan.buffer<one, cols, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %panels = plan.scratch worker : !plan.buffer<long, short, f32, panels>
    %panels2 = plan.scratch worker : !plan.buffer<short, short, f32, panels>
    %y = plan.scratch layer : !plan.buffer<short, long, f32>
    // CHECK: reduces [max, sum, sum] into(%{{.*}}, %{{.*}}, %{{.*}} : !plan.buffer<one, tiles, f64>, !plan.buffer<col_blocks, rows, f64>, !plan.buffer<row_blocks, cols, f64>)
    plan.sweep over <rows, cols> reads(%g, %v : !plan.buffer<rows, cols, f32>, !plan.buffer<one, rows, f32>)
        reduces [max, sum, sum] into(%p, %rowSums, %columnSums : !plan.buffer<one, tiles, f64>, !plan.buffer<col_blocks, rows, f64>, !plan.buffer<row_blocks, cols, f64>) {
    ^bb0(%gi: f32, %vi: f32):
      %gd = arith.extf %gi : f32 to f64
      %vd = arith.extf %vi : f32 to f64
      %q = arith.mulf %gd, %gd : f64
      %qv = arith.mulf %q, %vd : f64
      plan.yield %q, %q, %qv : f64, f64, f64
    }
    // CHECK: plan.combine max %{{.*}} : <one, tiles, f64>
    %nu = plan.combine max %p : !plan.buffer<one, tiles, f64>
    // CHECK: plan.fold sum %{{.*}} into %{{.*}} : <col_blocks, rows, f64>, <one, rows, f32>
    plan.fold sum %rowSums into %v : !plan.buffer<col_blocks, rows, f64>, !plan.buffer<one, rows, f32>
    plan.fold sum %columnSums into %column : !plan.buffer<row_blocks, cols, f64>, !plan.buffer<one, cols, f32>
    // CHECK: plan.sweep over <short, long> reads(%{{.*}} : !plan.buffer<rows, cols, f32>) writes(%{{.*}} : !plan.buffer<short, long, bf16>)
    plan.sweep over <short, long> reads(%g : !plan.buffer<rows, cols, f32>) writes(%x : !plan.buffer<short, long, bf16>) {
    ^bb0(%gi: f32):
      plan.yield %gi : f32
    }
    // CHECK: plan.product %[[X:.*]], %[[X]] transposed symmetric : <short, long, bf16>, <short, long, bf16> over <short, short> writes
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.pack %[[X]] into %[[PANELS:.*]] : <short, long, bf16>, <long, short, f32, panels>
    plan.pack %x into %panels : !plan.buffer<short, long, bf16>, !plan.buffer<long, short, f32, panels>
    // CHECK: plan.pack %{{.*}} transposed into
    plan.pack %a transposed into %panels2 : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32, panels>
    // CHECK: plan.product %{{.*}}, %{{.*}} : <short, short, f32>, <short, long, bf16> packed(%[[PANELS]] : !plan.buffer<long, short, f32, panels>) over <short, long> reads
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, bf16>
        packed(%panels : !plan.buffer<long, short, f32, panels>) over <short, long> reads(%x : !plan.buffer<short, long, bf16>) scalars(%nu) writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32, %xi: f32, %n: f64):
      %n32 = arith.truncf %n : f64 to f32
      %ax = arith.mulf %xi, %n32 : f32
      %yi = arith.addf %acc, %ax : f32
      plan.yield %yi : f32
    }
    plan.nonfinite %nu
    // CHECK: %{{.*}}:2 = plan.cut 0 contributes(%[[NU:.*]] to @top, %[[NU]] to @squares) receives(@top, @clip)
    %cut:2 = plan.cut 0 contributes(%nu to @top, %nu to @squares) receives(@top, @clip)
    plan.sweep over <rows, cols> reads(%y : !plan.buffer<short, long, f32>) writes(%w : !plan.buffer<rows, cols, bf16>) {
    ^bb0(%yi: f32):
      plan.yield %yi : f32
    }
    // CHECK: plan.keep "h" =
    plan.keep "h" = %cut#0
    // CHECK: plan.report "noise" =
    plan.report "noise" = %h
  }
  // CHECK: plan.track shared @clipping class any
  plan.track shared @clipping class any {
    %loss = plan.number loss
    plan.gradient_norm %loss
    plan.guard %loss
    // CHECK: plan.cut 0 contributes(%{{.*}} to @clip){{$}}
    plan.cut 0 contributes(%loss to @clip)
  }
}

// CHECK-LABEL: plan.program @choosing
plan.program @choosing segments 1 {
  plan.track @hidden class matrix {
    // CHECK: %[[C:.*]] = plan.choice ["plain", "gram"]
    %c = plan.choice ["plain", "gram"]
    %i = plan.scratch worker : !plan.buffer<short, short, f32>
    // CHECK: plan.sweep {{.*}} attributes {plan.alternative = #plan.alternative<0, 1>}
    plan.sweep over <short, short> writes(%i : !plan.buffer<short, short, f32>)
        attributes {plan.alternative = #plan.alternative<0, 1>} {
      // CHECK: plan.diagonal : f32
      %one = plan.diagonal : f32
      plan.yield %one : f32
    }
    // CHECK: plan.report "form" = %[[C]]
    plan.report "form" = %c
  }
}
