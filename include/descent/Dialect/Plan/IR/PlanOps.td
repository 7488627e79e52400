// Operations of the plan dialect.
#ifndef DESCENT_DIALECT_PLAN_IR_PLANOPS_TD
#define DESCENT_DIALECT_PLAN_IR_PLANOPS_TD

include "descent/Dialect/Plan/IR/PlanDialect.td"
include "descent/Dialect/Plan/IR/PlanEntryOps.td"
include "descent/Dialect/Plan/IR/PlanTrackOps.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

def Plan_StageOpInterface : OpInterface<"StageOpInterface"> {
  let cppNamespace = "::descent::plan";
  let description = [{
    One pass over a domain by tiles: reads buffers, computes entry by entry in a region, writes buffers and reduces into
    partial results. A sweep and a product are stages.
  }];
  let methods = [
    InterfaceMethod<"The index space.", "::descent::plan::DomainAttr", "getStageDomain">,
    InterfaceMethod<"Buffers that are read entry by entry.", "::mlir::OperandRange", "getStageReads">,
    InterfaceMethod<"Buffers that are written entry by entry.", "::mlir::OperandRange", "getStageWrites">,
    InterfaceMethod<"Buffers of partial results, one a reduction.", "::mlir::OperandRange", "getStagePartials">,
    InterfaceMethod<"Numbers that the region uses.", "::mlir::OperandRange", "getStageScalars">,
    InterfaceMethod<"How each reduction folds.", "::mlir::ArrayAttr", "getStageReductions">,
    InterfaceMethod<"Block arguments before those of the reads (the product's accumulator).", "unsigned",
      "getNumSourceArguments">,
    InterfaceMethod<"The region of one entry.", "::mlir::Block *", "getStageBody">,
    InterfaceMethod<"The kernel's symbol once there is one.", "::mlir::FlatSymbolRefAttr", "getStageKernel">,
    InterfaceMethod<"Sets the kernel's symbol.", "void", "setStageKernel", (ins "::mlir::FlatSymbolRefAttr":$kernel)>,
    InterfaceMethod<"Floating-point operations for one entry of the domain, as a multiple of an extent and a rest.",
                    "::descent::plan::EntryFlops", "getEntryFlops">,
  ];
}

class Plan_StageOp<string mnemonic, list<Trait> traits = []>
    : Plan_Op<mnemonic, [AttrSizedOperandSegments, IsolatedFromAbove, SingleBlock,
                         DeclareOpInterfaceMethods<Plan_StageOpInterface>] # traits> {
  let hasVerifier = 1;
}

def Plan_SweepOp : Plan_StageOp<"sweep"> {
  let summary = "one pass over memory, entry by entry";
  let description = [{
    For every entry of the domain: loads the entry of each read buffer, evaluates the region, stores the first yielded
    values to the written buffers and folds the rest into the partial results. A buffer may be read and written. In a
    domain `<rows, cols>`, a buffer `<one, rows>` is one number a row, `<one, cols>` one a column, and `<one, one>` one
    number. Between `<rows, cols>` and `<short, long>` a buffer is read in the other orientation: transposed where the
    matrix is tall.

    The region sees its arguments only: the loaded entries, then the scalars (f64). An argument may be wider than the
    buffer's storage type, a yielded value too: loads and stores convert, rounding to nearest even. Reductions fold f64
    values lane by lane, tile by tile, in an order that depends on the shape only.

    Rules:
    * (R1) every buffer fits the domain: the same extents, the other orientation, or a broadcast of one axis.
    * (R2) a written buffer has the domain's own extents.
    * (R3) a partial buffer is f64 and counts this stage's blocks: `<one, tiles>`, `<col_blocks, R>` or `<row_blocks,
      C>`, R and C being the domain's extents.
    * (R4) the region has an argument for each read and each scalar, and yields a value for each write and each
      reduction.
    * (R5) reductions yield f64.
    * (R6) 8-bit codes, whose blocks lie along their rows, are not read in the other orientation.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class any {
        %w = plan.weight : !plan.buffer<rows, cols, f32>
        %g = plan.gradient : !plan.buffer<rows, cols, f32>
        %lr = plan.hyper "lr" = 1.000000e-01
        %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
        %x = plan.scratch worker : !plan.buffer<short, long, bf16>
        plan.sweep over <rows, cols> reads(%w, %g : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, f32>)
            scalars(%lr) writes(%w : !plan.buffer<rows, cols, f32>) reduces [sum] into(%p : !plan.buffer<one, tiles,
            f64>) {
        ^bb0(%wi: f32, %gi: f32, %l: f64):
          %s = arith.truncf %l : f64 to f32
          %u = arith.mulf %gi, %s : f32
          %w1 = arith.subf %wi, %u : f32
          %gx = arith.extf %gi : f32 to f64
          %xx = arith.mulf %gx, %gx : f64
          plan.yield %w1, %xx : f32, f64
        }
        plan.sweep over <short, long> reads(%g : !plan.buffer<rows, cols, f32>)
            writes(%x : !plan.buffer<short, long, bf16>) {
        ^bb0(%gi: f32):
          plan.yield %gi : f32
        }
      }
    }
    ```
  }];
  let arguments = (ins Plan_DomainAttr:$domain, Variadic<Plan_BufferType>:$reads, Variadic<F64>:$scalars,
    Variadic<Plan_BufferType>:$writes, Variadic<Plan_BufferType>:$partials,
    TypedArrayAttrBase<Plan_CombineKind, "how each reduction folds">:$reductions,
      OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = [{
    `over` $domain (`reads` `(` $reads^ `:` type($reads) `)`)? (`scalars` `(` $scalars^ `)`)?
    (`writes` `(` $writes^ `:` type($writes) `)`)? custom<Reductions>($reductions, $partials, type($partials))
    (`kernel` $kernel^)? attr-dict-with-keyword custom<Body>($bodyRegion)
  }];
}

def Plan_RowFoldOp : Plan_Op<"row_fold", [Pure, HasParent<"SweepOp">]> {
  let summary = "folds the entries of a row, for every entry of it";
  let description = [{
    In the region of a sweep: folds the operand over the row that the entry stands in. Tiles hold whole rows, which are
    visited once for each fold and then once more, while they are in the cache; nothing is written before.

    Rules:
    * (R1) the sweep reads no matrix in the other orientation than its domain's: its tiles would be narrow.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %w = plan.weight : !plan.buffer<rows, cols, f64>
        %g = plan.gradient : !plan.buffer<rows, cols, f64>
        plan.sweep over <rows, cols> reads(%w, %g : !plan.buffer<rows, cols, f64>, !plan.buffer<rows, cols, f64>)
            writes(%w : !plan.buffer<rows, cols, f64>) {
        ^bb0(%wi: f64, %gi: f64):
          %gg = arith.mulf %gi, %gi : f64
          %sum = plan.row_fold sum %gg : f64
          %norm = math.sqrt %sum : f64
          %w1 = arith.divf %wi, %norm : f64
          plan.yield %w1 : f64
        }
      }
    }
    ```
  }];
  let arguments = (ins Plan_CombineKind:$kind, F64:$operand);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($operand)";
  let hasVerifier = 1;
}

def Plan_ProductOp : Plan_StageOp<"product"> {
  let summary = "a matrix product with an epilogue";
  let description = [{
    Computes `lhs * rhs` (`lhs * rhs^T` with `transposed`) over the domain given by the outer extents. The region is the
    epilogue of one entry, as in `plan.sweep`; its first argument is the accumulated entry, whose type is the type of
    accumulation. With `symmetric`, the product is known to be symmetric and the epilogue to keep it so: one triangle
    suffices. `packed` is `rhs` as `plan.pack` has rearranged it: the same numbers, if it is read where it lies or from
    there.

    Rules:
    * (R1) the inner extents of `lhs` and `rhs` are the same.
    * (R2) with `symmetric`, the domain is square.
    * (R3) neither factor is written: a product is not done in place.
    * (R4) the rules of `plan.sweep` hold for the epilogue's buffers.
    * (R5) `packed` is panels of the outer and the inner extent of `rhs`, in the type of accumulation or, with two
      factors in bf16 that are accumulated in f32, in bf16.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %x = plan.scratch worker : !plan.buffer<short, long, bf16>
        %a = plan.scratch worker : !plan.buffer<short, short, f32>
        plan.product %x, %x transposed symmetric : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
            over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
        ^bb0(%acc: f32):
          plan.yield %acc : f32
        }
      }
    }
    ```
  }];
  let arguments = (ins Plan_BufferType:$lhs, Plan_BufferType:$rhs, UnitAttr:$transposed, UnitAttr:$symmetric,
    Plan_DomainAttr:$domain,
    Variadic<Plan_BufferType>:$reads, Variadic<F64>:$scalars, Variadic<Plan_BufferType>:$writes,
      Variadic<Plan_BufferType>:$partials, Optional<Plan_BufferType>:$packed,
    TypedArrayAttrBase<Plan_CombineKind, "how each reduction folds">:$reductions,
      OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transposed` $transposed^)? (`symmetric` $symmetric^)? `:` type($lhs) `,` type($rhs)
    (`packed` `(` $packed^ `:` type($packed) `)`)?
    `over` $domain (`reads` `(` $reads^ `:` type($reads) `)`)? (`scalars` `(` $scalars^ `)`)?
    (`writes` `(` $writes^ `:` type($writes) `)`)? custom<Reductions>($reductions, $partials, type($partials))
    (`kernel` $kernel^)? attr-dict-with-keyword custom<Body>($bodyRegion)
  }];
  let extraClassDeclaration = [{
    /// The extent that is summed over.
    Extent getInnerExtent() { return getLhs().getType().getCols(); }
    /// The type of accumulation.
    ::mlir::Type getAccumulatorType() { return getBody()->getArgument(0).getType(); }
  }];
}

def Plan_PackOp : Plan_Op<"pack"> {
  let summary = "a product's right factor, rearranged once for all products that read it";
  let description = [{
    Copies `source` (with `transposed`, its transpose) into panels, converting from its storage type. Where the layer's
    shape makes that a waste, nothing or the last panel only is copied, and products read the source where it lies.

    Rules:
    * (R1) the target is panels of the source's outer and inner extent, and the source is plain.
    * (R2) the target's type holds the source's entries.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %x = plan.scratch worker : !plan.buffer<short, long, bf16>
        %a = plan.scratch worker : !plan.buffer<short, short, f32>
        %panels = plan.scratch worker : !plan.buffer<short, long, f32, panels>
        plan.pack %x transposed into %panels : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, f32, panels>
        plan.product %x, %x transposed symmetric : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
            packed(%panels : !plan.buffer<short, long, f32, panels>)
            over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
        ^bb0(%acc: f32):
          plan.yield %acc : f32
        }
      }
    }
    ```
  }];
  let arguments = (ins Plan_BufferType:$source, UnitAttr:$transposed, Plan_BufferType:$target,
    OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let assemblyFormat = [{
    $source (`transposed` $transposed^)? `into` $target (`kernel` $kernel^)? attr-dict `:` type($source) `,`
    type($target)
  }];
  let hasVerifier = 1;
}

def Plan_YieldOp : Plan_Op<"yield", [Pure, Terminator, ParentOneOf<["SweepOp", "ProductOp", "ScalarsOp"]>]> {
  let summary = "end of the region of a stage or of scalar work";
  let description = [{
    Gives the values that a stage writes, in the order of its written buffers, and then those that it reduces; or the
    results of scalar work.
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

def Plan_CombineOp : Plan_Op<"combine"> {
  let summary = "folds the tiles' partial results to one number";
  let description = [{
    Folds the numbers that a stage reduced, one a tile, in the order of the tiles. No tiles give 0 for a sum, -inf for a
    maximum and inf for a minimum.

    Rules:
    * (R1) the buffer is `<one, tiles, f64>`.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class any {
        %g = plan.gradient : !plan.buffer<rows, cols, f32>
        %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
        plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>)
            reduces [sum] into(%p : !plan.buffer<one, tiles, f64>) {
        ^bb0(%gi: f32):
          %x = arith.extf %gi : f32 to f64
          plan.yield %x : f64
        }
        %sum = plan.combine sum %p : !plan.buffer<one, tiles, f64>
        plan.report "sum" = %sum
      }
    }
    ```
  }];
  let arguments = (ins Plan_CombineKind:$kind, Plan_BufferType:$partials, OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $partials (`kernel` $kernel^)? attr-dict `:` type($partials)";
  let hasVerifier = 1;
}

def Plan_FoldOp : Plan_Op<"fold"> {
  let summary = "folds the blocks' partial results to one number a row or column";
  let description = [{
    Folds the first axis of `partials`, in order, and stores to `target`, converting from f64.

    Rules:
    * (R1) `partials` is `<col_blocks, X, f64>` or `<row_blocks, X, f64>`, and `target` is `<one, X>`.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %g = plan.gradient : !plan.buffer<rows, cols, f32>
        %v = plan.state "v" init value 0.0 : !plan.buffer<one, rows, f32>
        %p = plan.scratch worker : !plan.buffer<col_blocks, rows, f64>
        plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>)
            reduces [max] into(%p : !plan.buffer<col_blocks, rows, f64>) {
        ^bb0(%gi: f32):
          %x = arith.extf %gi : f32 to f64
          plan.yield %x : f64
        }
        plan.fold max %p into %v : !plan.buffer<col_blocks, rows, f64>, !plan.buffer<one, rows, f32>
      }
    }
    ```
  }];
  let arguments = (ins Plan_CombineKind:$kind, Plan_BufferType:$partials, Plan_BufferType:$target,
    OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let assemblyFormat = [{
    $kind $partials `into` $target (`kernel` $kernel^)? attr-dict `:` type($partials) `,` type($target)
  }];
  let hasVerifier = 1;
}

def Plan_ScalarsOp : Plan_Op<"scalars", [IsolatedFromAbove, SingleBlock]> {
  let summary = "work on the numbers of one layer";
  let description = [{
    Evaluates the region, which sees its arguments only, once a layer in f64. Arguments and yielded values correspond
    to operands and results.

    Rules:
    * (R1) the region has an argument for each operand and yields a value for each result, all f64.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class any {
        %t = plan.number updates
        %beta = plan.hyper "beta" = 9.000000e-01
        %decay = plan.scalars(%beta, %t) -> (f64) {
        ^bb0(%b: f64, %n: f64):
          %p = math.powf %b, %n : f64
          plan.yield %p : f64
        }
        plan.report "decay" = %decay
      }
    }
    ```
  }];
  let arguments = (ins Variadic<F64>:$inputs, OptionalAttr<FlatSymbolRefAttr>:$kernel);
  let results = (outs Variadic<F64>:$outputs);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = [{
    `(` $inputs `)` (`->` `(` type($outputs)^ `)`)? (`kernel` $kernel^)?
    attr-dict-with-keyword custom<Body>($bodyRegion)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Plan_ProgramOp : Plan_Op<"program", [IsolatedFromAbove, Symbol, SymbolTable, NoTerminator, SingleBlock,
  NoRegionArguments]> {
  let summary = "the plan of one artifact";
  let description = [{
    Totals, then the groups' tracks in the recipe's order, then the tracks of shared bodies.

    Rules:
    * (R1) every track has the cuts 0 .. segments - 2, in this order.
    * (R2) a total is contributed to and received at one cut only; with reach parameter or group, within one track.
    * (R3) there is at most one guard, and it is in a shared track.
    * (R4) shared tracks come after the groups' own.

    ```mlir
    // Steps are skipped when a gradient is not finite.
    plan.program @example segments 2 skip_nonfinite {
      plan.total sum @bad in model
      plan.total sum @all_bad in model
      plan.track @weights class any {
        %g = plan.gradient : !plan.buffer<rows, cols, f32>
        %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
        plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>)
            reduces [sum] into(%p : !plan.buffer<one, tiles, f64>) {
        ^bb0(%gi: f32):
          %zero = arith.subf %gi, %gi : f32
          %finite = arith.cmpf ord, %zero, %zero : f32
          %no = arith.constant 0.0 : f64
          %yes = arith.constant 1.0 : f64
          %bad = arith.select %finite, %no, %yes : f64
          plan.yield %bad : f64
        }
        %bad = plan.combine sum %p : !plan.buffer<one, tiles, f64>
        plan.nonfinite %bad
        plan.cut 0 contributes(%bad to @bad)
      }
      plan.track shared @skipping class any {
        %loss = plan.number loss
        plan.guard %loss
        plan.cut 0 contributes(%loss to @all_bad)
      }
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$segments,
    OptionalAttr<F64Attr>:$clip_global_norm, UnitAttr:$skip_nonfinite);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = [{
    $sym_name `segments` $segments (`clip_global_norm` $clip_global_norm^)? (`skip_nonfinite` $skip_nonfinite^)?
    attr-dict-with-keyword custom<Body>($bodyRegion)
  }];
  let hasRegionVerifier = 1;
}

def Plan_TotalOp : Plan_Op<"total", [Symbol, HasParent<"ProgramOp">]> {
  let summary = "a number in which layers meet";
  let description = [{
    Folds what the layers contribute at one cut, in the order of the layer table, in f64. With reach `parameter` the
    batch members of one entry of the table meet, with `group` the layers of one track, with `model` all.
  }];
  let arguments = (ins Plan_CombineKind:$kind, SymbolNameAttr:$sym_name, Plan_Reach:$reach);
  let assemblyFormat = "$kind $sym_name `in` $reach attr-dict";
}

def Plan_TrackOp : Plan_Op<"track", [Symbol, HasParent<"ProgramOp">, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "what happens to one layer of a group, or a body that the groups share";
  let description = [{
    Lists what a layer is given (memory and numbers), the stages over it, and what becomes of the results. The order of
    the states, inputs and hyperparameters is that of the generated header.

    Rules:
    * (R1) a shared track has no buffers.
    * (R2) scratch that is used on both sides of a cut lives a `layer`.
    * (R3) a partial buffer is written by exactly one stage.
    * (R4) a layer state is kept at most once, and it is one of the track's.
    * (R5) there is one weight and one gradient at most, and one operation for each name of an input, a state, a
      hyperparameter or a factor.
    * (R6) the weight, the gradient and inputs have the extents `<rows, cols>`; states these, `<one, rows>` or `<one,
      cols>`.
    * (R7) only operations that do work belong to an alternative, and it is one of a choice of the track.
    * (R8) a state in codes has one state of scales, with blocks of the same size, and only such a state has scales.

    ```mlir
    plan.program @example segments 1 {
      plan.track @hidden class matrix stored "out_in" rule "lanton" norm "#descent.rms_to_rms" {
        %w = plan.weight : !plan.buffer<rows, cols, f32>
        %g = plan.gradient : !plan.buffer<rows, cols, f32>
        %hvp = plan.input "hvp" : !plan.buffer<rows, cols, f32>
        %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, bf16>
        %h = plan.layer_state "h" init 0.0
        %lr = plan.hyper "lr" = 2.800000e-03
        %scale = plan.factor "lr_scale"
        %c = plan.number gradient_scale
        plan.gradient_norm %c
        plan.keep "h" = %scale
        plan.report "noise" = %h
      }
    }
    ```
  }];
  let arguments = (ins UnitAttr:$shared, SymbolNameAttr:$sym_name, Plan_GroupClass:$group_class,
    OptionalAttr<StrAttr>:$stored, OptionalAttr<StrAttr>:$rule, OptionalAttr<StrAttr>:$norm);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let assemblyFormat = [{
    (`shared` $shared^)? $sym_name `class` $group_class (`stored` $stored^)? (`rule` $rule^)? (`norm` $norm^)?
    attr-dict-with-keyword custom<Body>($bodyRegion)
  }];
  let hasRegionVerifier = 1;
}

def Plan_CutOp : Plan_Op<"cut", [HasParent<"TrackOp">]> {
  let summary = "the end of a segment, where layers meet";
  let description = [{
    Contributes numbers of this layer to totals, and receives totals once all layers have contributed.

    Rules:
    * (R1) there is a total for each operand and for each result, and it is declared in the program.

    ```mlir
    plan.program @example segments 2 {
      plan.total max @top in group
      plan.track @all class any {
        %a = plan.factor "a"
        %top = plan.cut 0 contributes(%a to @top) receives(@top)
      }
    }
    ```
  }];
  let arguments = (ins I64Attr:$index, Variadic<F64>:$contributions, TypedArrayAttrBase<FlatSymbolRefAttr,
    "totals">:$to,
    TypedArrayAttrBase<FlatSymbolRefAttr, "totals">:$from);
  let results = (outs Variadic<F64>:$results);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

#endif // DESCENT_DIALECT_PLAN_IR_PLANOPS_TD
