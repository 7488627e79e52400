// What lies in memory: the storage policy of a recipe or a group.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTSTORAGE_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTSTORAGE_TD

include "descent/Dialect/Descent/IR/DescentDialect.td"

def Descent_Master : Descent_Enum<"Master", "where the parameter's full precision is kept", [
  I32EnumAttrCase<"None", 0, "none">,           // nowhere: the stored parameter is the parameter
  I32EnumAttrCase<"F32", 1, "f32">,             // in a state of its own
  I32EnumAttrCase<"Remainder", 2, "remainder">  // 16 bits beside a bf16 parameter: both together are an f32
]>;

def Descent_Rounding : Descent_Enum<"Rounding", "how parameters and states are rounded when they are stored", [
  I32EnumAttrCase<"Nearest", 0, "nearest">,       // ties to even
  I32EnumAttrCase<"Stochastic", 1, "stochastic">  // up or down by chance, right on average
]>;

def Descent_CodeSign : Descent_Enum<"CodeSign", "which numbers 8-bit codes stand for", [
  I32EnumAttrCase<"Auto", 0, "auto">,         // unsigned for a state that is provably not negative, else signed
  I32EnumAttrCase<"Signed", 1, "signed">,
  I32EnumAttrCase<"Unsigned", 2, "unsigned">
]>;

def Descent_Q8Attr : AttrDef<Descent_Dialect, "Q8"> {
  let mnemonic = "q8";
  let summary = "8-bit codes, and a scale for each block of a row";
  let description = [{
    `block` consecutive entries of a row share an f32 scale, their largest absolute value; each is a code of the dynamic
    map of bitsandbytes. `unsigned` codes have twice the resolution and no negative numbers.
  }];
  let parameters = (ins "int64_t":$block, EnumParameter<Descent_CodeSign>:$sign);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Descent_StorageAttr : AttrDef<Descent_Dialect, "Storage"> {
  let mnemonic = "storage";
  let summary = "storage policy: what the parameter, its gradient and the states are in memory";
  let description = [{
    A short name (`f32`, `f64`, `bf16`, `f16`: the type of parameter and gradient, with f32 states; `f64` everywhere),
    or fields in any order:

    | field | values | default |
    |---|---|---|
    | `param` | `f32`, `bf16`, `f16`, `f64` | `f32` |
    | `grad`, also of further inputs | the same | the parameter's |
    | `states`: those with a number an entry | `f32`, `bf16`, `f16`, `q8`, `q8<256>`, `q8<256, unsigned>` | `f32` |
    | a state's name | the same; not `q8` for a number a row or column, which is `f32` by default | `states` |
    | `master` | `f32`, `remainder`, `none` | `none` |
    | `rounding` | `nearest`, `stochastic` | `nearest` |

    Codes are unsigned where a state provably stays at 0 or more, or where that is said. Stochastic rounding is that of
    bf16 parameters and bf16 states. `f64` checks a rule, and is everywhere or nowhere.

    ```mlir
    descent.recipe @small storage = #descent.storage<param = bf16, states = q8<256>, rounding = stochastic> {
      descent.group "hidden" uses @adamw class matrix
      descent.group "vectors" uses @adamw class vector storage = #descent.storage<f32>
    }
    descent.optimizer @adamw(%w: param, %g: grad, %m: state, %beta: hyper = 0.9) {
      %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
      %w1 = arith.subf %w, %m1 : tensor<?x?xf64>
      descent.update %w = %w1, %m = %m1 : tensor<?x?xf64>, tensor<?x?xf64>
    }
    ```
  }];
  let parameters = (ins "::mlir::FloatType":$param, "::mlir::FloatType":$grad, "::mlir::Attribute":$states,
    "::mlir::DictionaryAttr":$named, EnumParameter<Descent_Master>:$master, EnumParameter<Descent_Rounding>:$rounding);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The policy with a short name, or null.
    static StorageAttr getShort(::mlir::MLIRContext *context, ::llvm::StringRef name);
    /// The policy that a user writes, a short name or fields. Null after an error.
    static StorageAttr parseText(::mlir::MLIRContext *context, ::llvm::StringRef text);
    /// The type that matrices are computed in.
    ::mlir::FloatType getComputeType() const;
    /// What the policy says of the state: a TypeAttr or a Q8Attr. `isElement`: whether it has a number an entry.
    ::mlir::Attribute getState(::mlir::StringAttr name, bool isElement) const;
  }];
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTSTORAGE_TD
