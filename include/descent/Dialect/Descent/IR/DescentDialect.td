// The dialect, its enums and the attributes that are not norms.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTDIALECT_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/Interfaces.td"

def Descent_Dialect : Dialect {
  let name = "descent";
  let summary = "what an optimizer does: its mathematics";
  let description = [{
    A rule says what happens to one parameter tensor in one step, in real numbers: f64 stands for the reals, tensors
    are shaped like the parameter, and storage types, threads and devices appear only in later layers. Element-wise
    mathematics is `arith` and `math`; this dialect holds what they cannot say: roles, norms and their linear
    minimization oracles (LMOs), momentum, reductions, and the numbers in which layers meet.

    LMOs are minimisers, so updates *add* them: `w + eta * lmo(m)`.

    Left out on purpose: general control flow (`scf.if` on the step is planned), iteration counts that depend on data,
    and anything about memory. A rounding inside a method is an attribute of the method.
  }];
  let cppNamespace = "::descent";
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
  let extraClassDeclaration = [{
    void registerAttributes();
  }];
}

class Descent_Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::descent";
}

def Descent_RoleKind : Descent_Enum<"RoleKind", "what an argument of a rule is", [
  I32EnumAttrCase<"Param", 0, "param">,
  I32EnumAttrCase<"Grad", 1, "grad">,
  I32EnumAttrCase<"Input", 2, "input">,             // another per-element input
  I32EnumAttrCase<"State", 3, "state">,             // one number an element
  I32EnumAttrCase<"RowState", 4, "row_state">,      // one number a row
  I32EnumAttrCase<"ColumnState", 5, "column_state">,
  I32EnumAttrCase<"LayerState", 6, "layer_state">,
  I32EnumAttrCase<"GroupState", 7, "group_state">,
  I32EnumAttrCase<"ModelState", 8, "model_state">,
  I32EnumAttrCase<"Hyper", 9, "hyper">,             // one value a group, changeable every step
  I32EnumAttrCase<"Factor", 10, "factor">,          // one value a layer, from the layer table
  I32EnumAttrCase<"Step", 11, "step">,              // the caller's number of the step
  I32EnumAttrCase<"Updates", 12, "updates">,        // how often this layer was updated, this step included
  I32EnumAttrCase<"Loss", 13, "loss">
]>;

def Descent_InitKind : Descent_Enum<"InitKind", "the initial content of a state", [
  I32EnumAttrCase<"Value", 0, "value">, I32EnumAttrCase<"Param", 1, "param">, I32EnumAttrCase<"Grad", 2, "grad">
]>;

def Descent_RoleAttr : AttrDef<Descent_Dialect, "Role"> {
  let mnemonic = "role";
  let summary = "role, name, initial content and default of a rule's argument";
  let description = [{
    `descent.optimizer` prints it as part of its signature. `value` is the default of a hyperparameter, or the initial
    value of a state whose `init` is `value`; it is absent for a hyperparameter that every group must set.
  }];
  let parameters = (ins EnumParameter<Descent_RoleKind>:$kind, "::mlir::StringAttr":$name,
    EnumParameter<Descent_InitKind>:$init, OptionalParameter<"::mlir::FloatAttr">:$value);
  let assemblyFormat = "`<` $kind `,` $name `,` $init (`,` $value^)? `>`";
  let extraClassDeclaration = [{
    /// Whether the argument is kept between steps.
    bool isState() const;
    /// Whether the argument is a tensor; otherwise it is an f64.
    bool isTensor() const;
    /// The argument's type in a rule whose matrices have entries of type `element`; anything else is made of f64.
    ::mlir::Type getType(::mlir::Type element) const;
  }];
}

def Descent_Side : Descent_Enum<"Side", "a size of the parameter", [
  I32EnumAttrCase<"Rows", 0, "rows">, I32EnumAttrCase<"Cols", 1, "cols">,
  I32EnumAttrCase<"Short", 2, "short">,  // min(rows, cols)
  I32EnumAttrCase<"Long", 3, "long">     // max(rows, cols)
]>;

def Descent_DimsAttr : AttrDef<Descent_Dialect, "Dims"> {
  let mnemonic = "dims";
  let summary = "the shape of a tensor that is not shaped like the parameter";
  let description = [{
    A tensor's encoding: `tensor<?xf64, #descent.dims<rows>>` is one number a row, and
    `tensor<?x?xf64, #descent.dims<short, long>>` the parameter's shape with its short side first.
  }];
  let parameters = (ins ArrayRefParameter<"::descent::Side">:$sides);
  let hasCustomAssemblyFormat = 1;
}

def Descent_GroupClass : Descent_Enum<"GroupClass", "what a group accepts as a layer", [
  I32EnumAttrCase<"Any", 0, "any">, I32EnumAttrCase<"Matrix", 1, "matrix">, I32EnumAttrCase<"Vector", 2, "vector">
]>;

def Descent_Stored : Descent_Enum<"Stored", "which axis of a stored matrix is the layer's output", [
  I32EnumAttrCase<"OutIn", 0, "out_in">,  // PyTorch, llm.c
  I32EnumAttrCase<"InOut", 1, "in_out">   // Flax Dense, HF Conv1D, embedding tables
]>;

def Descent_MomentumKind : Descent_Enum<"MomentumKind", "a form of momentum", [
  I32EnumAttrCase<"Ema", 0, "ema">, I32EnumAttrCase<"HeavyBall", 1, "heavy_ball">
]>;

def Descent_ReduceKind : Descent_Enum<"ReduceKind", "how a tensor is reduced", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"SumSquares", 1, "sum_squares">,
  I32EnumAttrCase<"Max", 2, "max">, I32EnumAttrCase<"Min", 3, "min">
]>;

def Descent_CombineKind : Descent_Enum<"CombineKind", "how the numbers of layers meet", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">, I32EnumAttrCase<"Min", 2, "min">
]>;

def Descent_Reach : Descent_Enum<"Reach", "which layers meet", [
  I32EnumAttrCase<"Parameter", 0, "parameter">,  // the batch members of one table entry
  I32EnumAttrCase<"Group", 1, "group">,
  I32EnumAttrCase<"Model", 2, "model">           // all layers of all groups with this rule
]>;

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTDIALECT_TD
