// Operations of the descent dialect.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD

include "descent/Dialect/Descent/IR/DescentNorms.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Descent_Op<string mnemonic, list<Trait> traits = []> : Op<Descent_Dialect, mnemonic, traits>;

/// A matrix, or one number a row or column. The element type is f64, or what a later pass or a method rounds to.
def Descent_Tensor : RankedTensorOf<[F64, F32, BF16, I1], [HasAnyRankOfPred<[1, 2]>], "tensor of a rule">;
def Descent_Number : TypeOrValueSemanticsContainer<F64, "number">;
def Descent_Value : AnyTypeOf<[F64, Descent_Tensor]>;

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

class Descent_BodyOp<string mnemonic, list<Trait> traits> : Descent_Op<mnemonic, [IsolatedFromAbove, Symbol,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>] # traits> {
  let arguments = (ins SymbolNameAttr:$sym_name, TypedArrayAttrBase<Descent_RoleAttr, "roles of the arguments">:$roles);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  code shared_declarations = [{
    RoleAttr getRole(unsigned index) { return ::llvm::cast<RoleAttr>(getRoles()[index]); }
    void setRole(unsigned index, RoleAttr role);
    /// The argument with this name, or null.
    ::mlir::BlockArgument getArgument(::llvm::StringRef name);
    /// The only argument of this kind, or null.
    ::mlir::BlockArgument getArgument(RoleKind kind);
    /// Adds an argument; the caller keeps names unique.
    ::mlir::BlockArgument addArgument(RoleAttr role, ::mlir::Location loc);
  }];
}

def Descent_OptimizerOp : Descent_BodyOp<"optimizer", [SingleBlockImplicitTerminator<"UpdateOp">]> {
  let summary = "a rule: what happens to one parameter tensor in one step";
  let description = [{
    The signature gives each argument a role: `param`, `grad`, `input` (another per-element input), `state`, `row_state`,
    `column_state`, `layer_state` (`init = 0.0` unless said; `init = param` or `init = grad` copies), `hyper` (`= default`),
    `factor` (one number a layer, from the layer table), `step`, `updates` (how often this layer was updated, this step
    included: bias corrections), `loss`. The body computes in f64, which means the reals; `descent.update` says what is stored.

    Rules:
    * (R1) there is exactly one `param` and one `grad`; `step`, `updates` and `loss` occur at most once.
    * (R2) names are unique and are C identifiers.
    * (R3) the gradient and every input are read.
    * (R4) every state is read and updated.
    * (R5) the parameter is updated.
    * (R6) only states have an initial value; only a hyperparameter has a default, which is a finite number.
    * (R7) group and model states are for shared bodies of a later version.
    * (R8) the body holds operations of `arith`, `math` and `descent` only; `scf.if` is planned.

    ```mlir
    descent.optimizer @signum(%w: param, %g: grad, %m: state, %lr: hyper = 1.0e-3, %beta: hyper = 0.9) {
      %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
      %u = descent.lmo #descent.max, %m1 : tensor<?x?xf64>
      %w1 = descent.apply %w, %u, %lr : tensor<?x?xf64>
      descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
    }
    ```
  }];
  let extraClassDeclaration = shared_declarations # [{
    UpdateOp getUpdate();
  }];
}

def Descent_SharedOp : Descent_BodyOp<"shared", [SingleBlock, NoTerminator]> {
  let summary = "a body that runs once a step, for the whole model";
  let description = [{
    Reads totals that rules contribute to, and publishes numbers back to them. Arguments are `step`, `loss` and `hyper`.

    Rules:
    * (R1) its arguments are `step`, `loss` or `hyper`.
    * (R2) published names are unique.

    ```mlir
    descent.shared @clip(%limit: hyper = 1.0) {
      %n2 = descent.total sum @square_norm : f64
      %n = math.sqrt %n2 : f64
      %ratio = arith.divf %limit, %n : f64
      %one = arith.constant 1.0 : f64
      %scale = arith.minimumf %ratio, %one : f64
      descent.publish "scale" = %scale
    }
    descent.optimizer @sgd(%w: param, %g: grad, %lr: hyper = 0.1) {
      %n2 = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
      descent.contribute sum %n2 to @square_norm
      %scale = descent.published @clip "scale"
      %step = arith.mulf %lr, %scale : f64
      %eta = arith.negf %step : f64
      %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
      descent.update %w = %w1 : tensor<?x?xf64>
    }
    ```
  }];
  let extraClassDeclaration = shared_declarations;
}

def Descent_UpdateOp : Descent_Op<"update", [Terminator, HasParent<"OptimizerOp">]> {
  let summary = "says what the step stores";
  let description = [{
    `%w = %w1` stores `%w1` in the parameter or state that the argument `%w` names.

    Rules:
    * (R1) a destination is an argument of the rule with role `param` or a state, and occurs once.
    * (R2) a value has its destination's type.
  }];
  let arguments = (ins DenseI64ArrayAttr:$destinations, Variadic<Descent_Value>:$values);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins), [{
    build($_builder, $_state, $_builder.getDenseI64ArrayAttr({}), ::mlir::ValueRange());
  }]>];
  let extraClassDeclaration = [{
    /// The value stored in argument `index`, or null.
    ::mlir::Value getValueFor(unsigned index);
  }];
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

def Descent_RecipeOp : Descent_Op<"recipe", [Symbol, IsolatedFromAbove, NoTerminator, SingleBlock, NoRegionArguments]> {
  let summary = "what a model needs: groups of layers, each with a rule and a norm";
  let description = [{
    Compiles to one artifact with one plan and one step.

    Rules:
    * (R1) there is at least one group, and group names are unique C identifiers.
    * (R2) clipping and skipping are said at most once.

    ```mlir
    descent.optimizer @signum(%w: param, %g: grad, %m: state, %lr: hyper = 1.0e-3, %beta: hyper = 0.9) {
      %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
      %u = descent.lmo #descent.given, %m1 : tensor<?x?xf64>
      %w1 = descent.apply %w, %u, %lr : tensor<?x?xf64>
      descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
    }
    descent.recipe @model {
      descent.group "hidden" uses @signum norm = #descent.rms_to_rms class matrix stored out_in {lr = 0.01}
      descent.group "rest" uses @signum norm = #descent.max class any
      descent.clip_global_norm 1.0
      descent.skip_nonfinite
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name attr-dict-with-keyword $body";
  let hasRegionVerifier = 1;
}

def Descent_GroupOp : Descent_Op<"group", [HasParent<"RecipeOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "layers with one rule, one norm and one set of hyperparameters";
  let description = [{
    The dictionary gives hyperparameters other defaults. `stored` says which axis of a stored matrix is the layer's output:
    `out_in` (PyTorch, llm.c) or `in_out` (Flax, HF Conv1D, embedding tables). It has no default where the rule or its norm
    depends on it, since a wrong guess silently inverts shape factors.

    Rules:
    * (R1) `uses` names a rule of this module.
    * (R2) hyperparameters in the dictionary are those of the rule, and are finite numbers.
    * (R3) a rule with `#descent.given` needs `norm`; a rule without it takes none.
    * (R4) the rule's norms are defined for the group's class.
    * (R5) `stored` is given when the rule depends on it.
    * (R6) every hyperparameter without a default is given.
  }];
  let arguments = (ins StrAttr:$name, FlatSymbolRefAttr:$rule, OptionalAttr<Descent_NormAttrInterface>:$norm,
    Descent_GroupClass:$group_class, OptionalAttr<Descent_Stored>:$stored, OptionalAttr<DictionaryAttr>:$hypers);
  let extraClassDeclaration = [{
    /// The dictionary's part of verification.
    ::llvm::LogicalResult verifyHypers(OptimizerOp rule);
  }];
  let assemblyFormat = "$name `uses` $rule (`norm` `=` $norm^)? `class` $group_class (`stored` $stored^)? ($hypers^)? attr-dict-with-keyword";
}

def Descent_ClipGlobalNormOp : Descent_Op<"clip_global_norm", [HasParent<"RecipeOp">]> {
  let summary = "scales all gradients down when their global l2 norm exceeds a limit";
  let description = [{
    `g * min(1, limit / (norm + 1e-6))`, the norm being that of all layers' gradients after the caller's gradient scale.

    Rules:
    * (R1) the limit is positive and finite.
  }];
  let arguments = (ins F64Attr:$limit);
  let assemblyFormat = "$limit attr-dict";
  let hasVerifier = 1;
}
def Descent_SkipNonfiniteOp : Descent_Op<"skip_nonfinite", [HasParent<"RecipeOp">]> {
  let summary = "skips the whole step when a gradient has a NaN or infinity";
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Momentum and updates
//===----------------------------------------------------------------------===//

def Descent_MomentumOp : Descent_Op<"momentum", [Pure, AllTypesMatch<["state", "value", "result"]>]> {
  let summary = "an average of a value over the steps";
  let description = [{ `ema`: `beta state + (1 - beta) value`; `heavy_ball`: `beta state + value`. }];
  let arguments = (ins Descent_MomentumKind:$kind, Descent_Value:$state, Descent_Value:$value, F64:$beta);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $state `,` $value `,` $beta attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
}
def Descent_LookAheadOp : Descent_Op<"look_ahead", [Pure, AllTypesMatch<["momentum", "gradient", "result"]>]> {
  let summary = "Nesterov's mix of the new momentum and the gradient";
  let description = [{ `ema`: `beta momentum + (1 - beta) gradient`; `heavy_ball`: `beta momentum + gradient`. }];
  let arguments = (ins Descent_MomentumKind:$kind, Descent_Value:$momentum, Descent_Value:$gradient, F64:$beta);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $momentum `,` $gradient `,` $beta attr-dict `:` type($result)";
}
def Descent_ApplyOp : Descent_Op<"apply", [Pure, AllTypesMatch<["parameter", "direction", "result"]>]> {
  let summary = "the parameter plus a step along a direction";
  let description = [{ `parameter + eta direction`. LMOs are minimisers, so eta is positive for descent along an LMO. }];
  let arguments = (ins Descent_Tensor:$parameter, Descent_Tensor:$direction, F64:$eta);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$parameter `,` $direction `,` $eta attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

class Descent_NormQueryOp<string mnemonic, list<Trait> traits = []> : Descent_Op<mnemonic, [Pure] # traits> {
  let hasVerifier = 1;
}

def Descent_NormOp : Descent_NormQueryOp<"norm"> {
  let summary = "a norm of a tensor";
  let description = [{
    Rules:
    * (R1) the norm has a formula for itself (the spectral norm has none without an iteration of its own).
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Tensor:$operand);
  let results = (outs F64:$result);
  let assemblyFormat = "$norm `,` $operand attr-dict `:` type($operand)";
}
def Descent_DualNormOp : Descent_NormQueryOp<"dual_norm"> {
  let summary = "the dual norm of a tensor: its largest inner product with the unit ball";
  let description = [{
    `dual_norm(x) = -<x, lmo(x)>`.

    Rules:
    * (R1) the norm's method for it is accurate, or the norm is marked approximate.
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Tensor:$operand);
  let results = (outs F64:$result);
  let assemblyFormat = "$norm `,` $operand attr-dict `:` type($operand)";
  let hasCanonicalizer = 1;
}
def Descent_LmoOp : Descent_NormQueryOp<"lmo", [SameOperandsAndResultType]> {
  let summary = "steepest-descent direction under a norm";
  let description = [{
    The point of the unit ball of `norm` with the least inner product with `direction`. At zero it is zero. A NaN in the
    direction gives NaN.

    Rules:
    * (R1) the norm has a linear minimization oracle.

    ```mlir
    func.func @polar(%m: tensor<?x?xf64>) -> tensor<?x?xf64> {
      %u = descent.lmo #descent.spectral, %m : tensor<?x?xf64>
      return %u : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Tensor:$direction);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$norm `,` $direction attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
}
def Descent_ProjectOp : Descent_NormQueryOp<"project", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "the nearest point of a norm's ball";
  let description = [{
    Nearest in l2, to the ball of `radius`.

    Rules:
    * (R1) the norm has a projection with a fixed number of operations.
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Tensor:$operand, F64:$radius);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$norm `,` $operand `,` $radius attr-dict `:` type($result)";
}
def Descent_OrthogonalizeOp : Descent_Op<"orthogonalize", [Pure, SameOperandsAndResultType]> {
  let summary = "the polar factor U V^T of a matrix";
  let description = [{
    As the method computes it; 0 at 0.

    Rules:
    * (R1) the operand is shaped like the parameter.
  }];
  let arguments = (ins Descent_NewtonSchulzAttr:$method, Descent_Tensor:$operand);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$method `,` $operand attr-dict `:` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Between numbers, rows and matrices
//===----------------------------------------------------------------------===//

def Descent_BroadcastOp : Descent_Op<"broadcast", [Pure]> {
  let summary = "a number, or one a row or column, for every entry";
  let description = [{
    With `reduce`, the only bridge between numbers and tensors; rounds to the result's element type.

    Rules:
    * (R1) the operand is an f64 or has one number for each index of one of the result's sides.
  }];
  let arguments = (ins Descent_Value:$operand);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
}
def Descent_ReduceOp : Descent_Op<"reduce", [Pure]> {
  let summary = "a sum, sum of squares, maximum or minimum over entries";
  let description = [{
    The result type says what is kept: f64 (nothing), `tensor<?xf64, #descent.dims<rows>>` (one number a row), or one a column.
    Accumulates in f64, in an order that depends on the shape only. A NaN gives NaN. Of no entries: 0, -inf or inf.

    Rules:
    * (R1) the result is f64 or has one number for each index of one of the operand's sides.
  }];
  let arguments = (ins Descent_ReduceKind:$kind, Descent_Tensor:$operand);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
}
def Descent_InnerOp : Descent_Op<"inner", [Pure, SameTypeOperands]> {
  let summary = "the inner product of two tensors";
  let arguments = (ins Descent_Tensor:$lhs, Descent_Tensor:$rhs);
  let results = (outs F64:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}
def Descent_SizeOp : Descent_Op<"size", [Pure]> {
  let summary = "a size of the parameter, as a real number";
  let description = [{ `rows` is the number of outputs and `cols` of inputs, whichever way the matrix is stored. }];
  let arguments = (ins Descent_Side:$side);
  let results = (outs F64:$result);
  let assemblyFormat = "$side attr-dict";
}
def Descent_OrientOp : Descent_Op<"orient", [Pure]> {
  let summary = "the matrix with its short side first, or back";
  let description = [{
    Transposes tall matrices, and only those: every matrix function is written once, for wide matrices.

    Rules:
    * (R1) one type is shaped like the parameter, the other is its `#descent.dims<short, long>` form.
  }];
  let arguments = (ins Descent_Tensor:$operand);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
}
def Descent_ProductOp : Descent_Op<"product", [Pure]> {
  let summary = "a matrix product";
  let description = [{
    `lhs rhs`, or `lhs rhs^T` with `transposed`. Accumulates in the result's element type.

    Rules:
    * (R1) the operands have dims, their inner sides agree, and the result has the outer ones.
  }];
  let arguments = (ins Descent_Tensor:$lhs, Descent_Tensor:$rhs, UnitAttr:$transposed, UnitAttr:$symmetric);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$lhs `,` $rhs (`transposed` $transposed^)? (`symmetric` $symmetric^)? attr-dict `:` type($lhs) `,` type($rhs) `to` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Where layers meet
//===----------------------------------------------------------------------===//

def Descent_OverLayersOp : Descent_Op<"over_layers", [HasParent<"OptimizerOp">]> {
  let summary = "a sum, maximum or minimum of a number over layers";
  let description = [{
    Of all layers of the `group`, of the batch members of one `parameter`, or of all layers of the `model` whose groups use
    this rule. Absent layers are left out.
  }];
  let arguments = (ins Descent_CombineKind:$kind, F64:$value, Descent_Reach:$reach, OptionalAttr<StrAttr>:$total);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $value `in` $reach (`named` $total^)? attr-dict";
}
def Descent_ContributeOp : Descent_Op<"contribute", [HasParent<"OptimizerOp">]> {
  let summary = "adds this layer's number to a named total of the model";
  let arguments = (ins Descent_CombineKind:$kind, F64:$value, FlatSymbolRefAttr:$total);
  let assemblyFormat = "$kind $value `to` $total attr-dict";
}
def Descent_TotalOp : Descent_Op<"total", [HasParent<"SharedOp">]> {
  let summary = "a named total over all layers that contribute to it";
  let arguments = (ins Descent_CombineKind:$kind, FlatSymbolRefAttr:$total);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $total attr-dict `:` type($result)";
}
def Descent_PublishOp : Descent_Op<"publish", [HasParent<"SharedOp">]> {
  let summary = "gives a number to the rules that ask for it";
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}
def Descent_PublishedOp : Descent_Op<"published", [HasParent<"OptimizerOp">]> {
  let summary = "a number that a shared body publishes";
  let arguments = (ins FlatSymbolRefAttr:$shared, StrAttr:$name);
  let results = (outs F64:$result);
  let assemblyFormat = "$shared $name attr-dict";
}
def Descent_SkipWhenOp : Descent_Op<"skip_when", [HasParent<"SharedOp">]> {
  let summary = "skips the whole step when a number is not zero";
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}
def Descent_GradientNormOp : Descent_Op<"gradient_norm", [HasParent<"SharedOp">]> {
  let summary = "tells the caller the norm of all gradients";
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}
def Descent_NonfiniteOp : Descent_Op<"nonfinite", [HasParent<"OptimizerOp">]> {
  let summary = "tells the caller that this layer's gradient has a NaN or infinity: a number above zero";
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}
def Descent_GradientScaleOp : Descent_Op<"gradient_scale", [Pure]> {
  let summary = "the factor by which the caller wants every gradient multiplied";
  let results = (outs F64:$result);
  let assemblyFormat = "attr-dict";
}
def Descent_ReportOp : Descent_Op<"report", [HasParent<"OptimizerOp">]> {
  let summary = "names a number of this layer that the caller may ask for";
  let description = [{ Asking changes no bit of any parameter. }];
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD
