// Rules, shared bodies and recipes.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTRULES_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTRULES_TD

include "descent/Dialect/Descent/IR/DescentNorms.td"
include "descent/Dialect/Descent/IR/DescentStorage.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/RegionKindInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Descent_Op<string mnemonic, list<Trait> traits = []> : Op<Descent_Dialect, mnemonic, traits>;

/// A matrix, or one number a row or column. The element type is f64, or what a later pass or a method rounds to.
def Descent_Tensor : RankedTensorOf<[F64, F32, BF16], [
  CPred<"::llvm::succeeded(::descent::getSides(::llvm::cast<::mlir::RankedTensorType>($_self)))">],
  "tensor of dynamic sizes, shaped like the parameter or with '#descent.dims',">;
def Descent_Matrix : RankedTensorOf<[F64, F32, BF16], [
  CPred<"::descent::isShapedLikeParameter(::llvm::cast<::mlir::RankedTensorType>($_self))">],
  "tensor shaped like the parameter,">;
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
    The signature gives each argument a role: `param`, `grad`, `input` (another per-element input), `state`,
    `row_state`, `column_state`, `layer_state` (`init = 0.0` unless said; `init = param` or `init = grad` copies),
    `hyper` (`= default`), `factor` (one number a layer, from the layer table), `step`, `updates` (how often this layer
    was updated, this step included: bias corrections), `loss`. The body computes in f64, which means the reals;
    `descent.update` says what is stored.

    Rules:
    * (R1) there is exactly one `param` and one `grad`; `step`, `updates` and `loss` occur at most once.
    * (R2) names are unique and can be names in C and C++.
    * (R3) the gradient and every input are read.
    * (R4) every state is read and updated.
    * (R5) the parameter is updated.
    * (R6) only states have an initial value; only a hyperparameter has a default, which is a finite number.
    * (R7) group and model states are for shared bodies of a later version.
    * (R8) the body holds operations of `arith`, `math` and `descent` only; `scf.if` is planned.
    * (R9) every value is an f64, an i1, or a tensor of these whose shape the rule knows.
    * (R10) reports have different names.

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
    * (R3) the body computes with numbers only, by `arith`, `math` and the operations of `descent` for shared bodies.

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
    * (R1) there is at least one group, and group names are unique and can be names in C and C++.
    * (R2) it holds nothing else but clipping and skipping, which are said at most once.

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
  let arguments = (ins SymbolNameAttr:$sym_name, OptionalAttr<Descent_StorageAttr>:$storage);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $sym_name (`storage` `=` qualified($storage)^)? attr-dict-with-keyword $body
  }];
  let hasRegionVerifier = 1;
}

def Descent_GroupOp : Descent_Op<"group", [HasParent<"RecipeOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "layers with one rule, one norm and one set of hyperparameters";
  let description = [{
    The dictionary gives hyperparameters other defaults. `stored` says which axis of a stored matrix is the layer's
    output: `out_in` (PyTorch, llm.c) or `in_out` (Flax, HF Conv1D, embedding tables). It has no default where the rule
    or its norm depends on it, since a wrong guess silently inverts shape factors. `storage` says what lies in memory; a
    group without it has the recipe's, and a recipe without it the compilation's.

    Rules:
    * (R1) `uses` names a rule of this module.
    * (R2) hyperparameters in the dictionary are those of the rule, and are finite numbers.
    * (R3) a rule with `#descent.given` needs `norm`; a rule without it takes none.
    * (R4) the rule's norms and matrix functions are defined for the group's class.
    * (R5) `stored` is given when the rule depends on it.
    * (R6) every hyperparameter without a default is given.
  }];
  let arguments = (ins StrAttr:$name, FlatSymbolRefAttr:$rule, OptionalAttr<Descent_NormAttrInterface>:$norm,
    Descent_GroupClass:$group_class, OptionalAttr<Descent_Stored>:$stored, OptionalAttr<Descent_StorageAttr>:$storage,
    OptionalAttr<DictionaryAttr>:$hypers);
  let extraClassDeclaration = [{
    /// The dictionary's part of verification.
    ::llvm::LogicalResult verifyHypers(OptimizerOp rule);
  }];
  let assemblyFormat = [{
    $name `uses` $rule (`norm` `=` $norm^)? `class` $group_class (`stored` $stored^)?
    (`storage` `=` qualified($storage)^)? ($hypers^)? attr-dict-with-keyword
  }];
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
  let description = [{ Neither parameters nor states change then, and the caller is told. }];
  let assemblyFormat = "attr-dict";
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTRULES_TD
