// What a stage's region knows of the entry at hand beside its numbers in memory.
#ifndef DESCENT_DIALECT_PLAN_IR_PLANENTRYOPS_TD
#define DESCENT_DIALECT_PLAN_IR_PLANENTRYOPS_TD

include "descent/Dialect/Plan/IR/PlanTrackOps.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Plan_DiagonalOp : Plan_Op<"diagonal", [Pure, ParentOneOf<["SweepOp", "ProductOp"]>]> {
  let summary = "1 where the entry's row and column are the same, 0 elsewhere";
  let description = [{
    The entry of the identity matrix in the region of a stage.

    Rules:
    * (R1) the domain of the stage is square.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %i = plan.scratch worker : !plan.buffer<short, short, f32>
        plan.sweep over <short, short> writes(%i : !plan.buffer<short, short, f32>) {
          %one = plan.diagonal : f32
          plan.yield %one : f32
        }
      }
    }
    ```
  }];
  let results = (outs AnyTypeOf<[F32, F64]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Plan_RandomOp : Plan_Op<"random", [Pure, ParentOneOf<["SweepOp", "ProductOp"]>]> {
  let summary = "random bits of one entry";
  let description = [{
    32 bits that depend on `key`, on `stream`, and on the entry's place in the domain, row * cols + col modulo 2^32; on
    nothing else, tiles and threads least of all. With l and h the key's lower 32 and upper 20 bits:

        mix(x):  x ^= x >> 16;  x *= 0x7feb352d;  x ^= x >> 15;  x *= 0x846ca68b;  x ^= x >> 16
        bits  =  mix(mix(place ^ l) + (h ^ stream << 20))

    Rules:
    * (R1) `stream` is from 0 to 4095.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class any {
        %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
        %key = plan.number random
        plan.sweep over <rows, cols> scalars(%key) writes(%m : !plan.buffer<rows, cols, f32>) {
        ^bb0(%k: f64):
          %bits = plan.random %k stream 1
          %number = arith.uitofp %bits : i32 to f32
          plan.yield %number : f32
        }
      }
    }
    ```
  }];
  let arguments = (ins F64:$key, I64Attr:$stream);
  let results = (outs I32:$result);
  let assemblyFormat = "$key `stream` $stream attr-dict";
  let hasVerifier = 1;
}

#endif // DESCENT_DIALECT_PLAN_IR_PLANENTRYOPS_TD
