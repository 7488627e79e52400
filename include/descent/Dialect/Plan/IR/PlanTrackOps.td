// What a track is given (memory and numbers), and what it gives back.
#ifndef DESCENT_DIALECT_PLAN_IR_PLANTRACKOPS_TD
#define DESCENT_DIALECT_PLAN_IR_PLANTRACKOPS_TD

include "descent/Dialect/Plan/IR/PlanDialect.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Plan_Op<string mnemonic, list<Trait> traits = []> : Op<Plan_Dialect, mnemonic, traits>;

/// Something that a track is given; printed under a name that the rule's author knows.
class Plan_GivenOp<string mnemonic, code printedName, list<Trait> traits = []>
    : Plan_Op<mnemonic, [HasParent<"TrackOp">,
        DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>] # traits> {
  let extraClassDefinition = !strconcat(
    "void $cppClass::getAsmResultNames(::mlir::OpAsmSetValueNameFn setName) {\n",
    "  setName(getResult(), ", printedName, ");\n}\n");
}

def Plan_WeightOp : Plan_GivenOp<"weight", [{"w"}]> {
  let summary = "the layer's weight";
  let description = [{
    Read and written in place, in the caller's memory.
  }];
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Plan_GradientOp : Plan_GivenOp<"gradient", [{"g"}]> {
  let summary = "the layer's gradient, read only";
  let description = [{
    As the caller gives it: unscaled, in its own storage type.
  }];
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}
def Plan_InputOp : Plan_GivenOp<"input", [{getName()}]> {
  let summary = "another per-element input, read only";
  let description = [{
    A Hessian-vector product or a second gradient, in the caller's memory.
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}
def Plan_StateOp : Plan_GivenOp<"state", [{getName()}]> {
  let summary = "a state in the caller's memory";
  let description = [{
    Of element scope, or with one number a row or column. A state in 8-bit codes has another one that holds its scales:

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class any {
        %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, !plan.q8<256, signed>>
        %s = plan.state "m_scale" init value 0.0 scales %m : !plan.buffer<rows, cols, !plan.q8<256, signed>>
            : !plan.buffer<rows, cols, !plan.scale<256>>
      }
    }
    ```
  }];
  let arguments = (ins StrAttr:$name, Plan_StateInit:$init, DefaultValuedAttr<F64Attr, "0.0">:$value,
    Optional<Plan_BufferType>:$codes);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = [{
    $name `init` $init $value (`scales` $codes^ `:` type($codes))? attr-dict `:` type($result)
  }];
}
def Plan_OperandOp : Plan_GivenOp<"operand", [{getName()}]> {
  let summary = "memory of the caller of a library";
  let description = [{
    In a program that is a library (`attributes {plan.library}`) tracks are functions of a matrix of any extents, not
    updates of a layer. Operands are numbered in the order in which they stand.

    ```mlir
    plan.program @library segments 1 attributes {plan.library} {
      plan.track @scale class any {
        %a = plan.operand "a" : !plan.buffer<rows, inner, f32>
        %c = plan.operand "c" : !plan.buffer<rows, inner, f32>
        %alpha = plan.factor "alpha"
        plan.sweep over <rows, inner> reads(%a : !plan.buffer<rows, inner, f32>) scalars(%alpha)
            writes(%c : !plan.buffer<rows, inner, f32>) {
        ^bb0(%x: f32, %s: f64):
          %s32 = arith.truncf %s : f64 to f32
          %y = arith.mulf %x, %s32 : f32
          plan.yield %y : f32
        }
      }
    }
    ```
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "$name attr-dict `:` type($result)";
}
def Plan_ScratchOp : Plan_GivenOp<"scratch", [{"scratch"}]> {
  let summary = "memory that holds nothing between steps";
  let description = [{
    With lifetime `worker` it lives within a segment, one copy a worker; with `layer` across cuts, one copy a layer.
  }];
  let arguments = (ins Plan_Lifetime:$lifetime);
  let results = (outs Plan_BufferType:$result);
  let assemblyFormat = "$lifetime attr-dict `:` type($result)";
}
def Plan_NumberOp : Plan_GivenOp<"number", [{stringifyNumber(getNumber())}], [Pure]> {
  let summary = "a number that the driver knows";
  let description = [{
    The extents of the layer, the caller's step, the count of this layer's updates with this one, the loss, the factor
    that every gradient is multiplied by, or the key of this step's random numbers (a whole number below 2^52, of the
    plan's seed, the step, the layer's id and the batch member).
  }];
  let arguments = (ins Plan_Number:$number);
  let results = (outs F64:$result);
  let assemblyFormat = "$number attr-dict";
}
def Plan_ChoiceOp : Plan_GivenOp<"choice", [{"choice"}]> {
  let summary = "which of several ways a layer goes: the number of the cheapest one for its shape";
  let description = [{
    Decided when a plan is made, for each entry of the layer table, by the cost of the operations that belong to each
    alternative; of equal ones the first. Operations say with `plan.alternative = #plan.alternative<choice, index>`
    what they belong to, choices being counted in their order.

    Rules:
    * (R1) there are two alternatives or more.

    ```mlir
    plan.program @example segments 1 {
      plan.track @all class matrix {
        %way = plan.choice ["plain", "gram"]
        %x = plan.scratch worker : !plan.buffer<short, long, f32>
        %a = plan.scratch worker : !plan.buffer<short, short, f32>
        plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
            over <short, short> writes(%a : !plan.buffer<short, short, f32>)
            attributes {plan.alternative = #plan.alternative<0, 1>} {
        ^bb0(%acc: f32):
          plan.yield %acc : f32
        }
        plan.report "way" = %way
      }
    }
    ```
  }];
  let arguments = (ins StrArrayAttr:$names);
  let results = (outs F64:$result);
  let assemblyFormat = "$names attr-dict";
  let hasVerifier = 1;
}
def Plan_HyperOp : Plan_GivenOp<"hyper", [{getName()}]> {
  let summary = "a hyperparameter of the group and its default";
  let description = [{
    The caller may give another value at every step.
  }];
  let arguments = (ins StrAttr:$name, F64Attr:$value);
  let results = (outs F64:$result);
  let assemblyFormat = "$name `=` $value attr-dict";
}
def Plan_FactorOp : Plan_GivenOp<"factor", [{getName()}]> {
  let summary = "a per-layer factor of the layer table";
  let description = [{
    1 unless the caller gives factors.
  }];
  let arguments = (ins StrAttr:$name);
  let results = (outs F64:$result);
  let assemblyFormat = "$name attr-dict";
}
def Plan_LayerStateOp : Plan_GivenOp<"layer_state", [{getName()}]> {
  let summary = "a state that is one number a layer";
  let description = [{
    Its value before this step, f64, in the caller's memory.
  }];
  let arguments = (ins StrAttr:$name, F64Attr:$value);
  let results = (outs F64:$result);
  let assemblyFormat = "$name `init` $value attr-dict";
}
def Plan_KeepOp : Plan_Op<"keep", [HasParent<"TrackOp">]> {
  let summary = "the new value of a layer state";
  let description = [{ Stored at the end of the step. }];
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}
def Plan_ReportOp : Plan_Op<"report", [HasParent<"TrackOp">]> {
  let summary = "a number that the caller may ask for";
  let description = [{
    Asking changes nothing else.
  }];
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}
def Plan_NonfiniteOp : Plan_Op<"nonfinite", [HasParent<"TrackOp">]> {
  let summary = "more than zero when the layer's gradient has a NaN or infinity";
  let description = [{
    The step's result names the first such layer.
  }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}
def Plan_GradientNormOp : Plan_Op<"gradient_norm", [HasParent<"TrackOp">]> {
  let summary = "the norm of all gradients, for the caller";
  let description = [{
    Of the scaled gradients, before clipping.
  }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}
def Plan_GuardOp : Plan_Op<"guard", [HasParent<"TrackOp">]> {
  let summary = "end of the step after this segment's cut unless the number is zero";
  let description = [{
    No later segment runs and nothing is stored: neither weights nor states nor counts of updates.
  }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}

#endif // DESCENT_DIALECT_PLAN_IR_PLANTRACKOPS_TD
