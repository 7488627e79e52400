// Norms: one record each. Adding one touches this file, and its test in test/Dialect/Descent/norms/.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTNORMS_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTNORMS_TD

include "descent/Dialect/Descent/IR/DescentMethods.td"

def Descent_NormAttrInterface : AttrInterface<"NormAttrInterface"> {
  let cppNamespace = "::descent";
  let description = [{ All that passes may know of a norm. }];
  let methods = [
    InterfaceMethod<"Says through `emitError` why the norm cannot answer `query` for a layer of this class.",
      "::llvm::LogicalResult", "verifyQuery", (ins "::descent::NormQuery":$query, "::descent::GroupClass":$groupClass,
      "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<"How much of the direction one entry of the LMO reads.", "::descent::Footprint", "getFootprint">,
    InterfaceMethod<"Whether exchanging rows and columns changes the norm.", "bool", "isOriented">,
    InterfaceMethod<"Whether the LMO, as its method computes it, ignores a positive factor of its input.", "bool",
      "ignoresScale">,
    InterfaceMethod<"Whether the dual norm of `c x`, as its method computes it, is `|c|` times that of `x`.", "bool",
      "hasHomogeneousDual">,
    InterfaceMethod<"Emits the norm of `x`.", "::mlir::Value", "emitNorm",
      (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$x)>,
    InterfaceMethod<"Emits the dual norm of `x`: the largest inner product with a point of the unit ball.",
      "::mlir::Value", "emitDualNorm", (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$x)>,
    InterfaceMethod<"Emits the point of the unit ball with the least inner product with `x`; 0 at 0.",
      "::mlir::Value", "emitLmo", (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$x)>,
    InterfaceMethod<"Emits the point of the ball of `radius` (f64) that is nearest to `x` in l2.",
      "::mlir::Value", "emitProjection",
      (ins "::mlir::ImplicitLocOpBuilder &":$b, "::mlir::Value":$x, "::mlir::Value":$radius)>,
    InterfaceMethod<"The norm itself, or `given` for the norm that a group gives.", "::descent::NormAttrInterface",
      "instantiate", (ins "::descent::NormAttrInterface":$given)>,
  ];
}

/// Turns the fields of a record into the methods of the interface. A field that is empty is a question that the norm
/// has no formula for; `verifyQuery` then refuses it.
class Descent_Norm<string cppName, string norm_mnemonic> : AttrDef<Descent_Dialect, cppName,
    [DeclareAttrInterfaceMethods<Descent_NormAttrInterface>]> {
  let mnemonic = norm_mnemonic;
  string footprint = "Entry";
  string oriented = "false";
  string scaleFree = "true";
  string homogeneousDual = "true";
  string matrixOnly = "false";
  /// Further reasons to refuse; `return success();` otherwise.
  code verifyMore = "return ::llvm::success();";
  code norm = "";
  code dualNorm = "";
  code lmo = "";
  code project = "";
  code instantiate = "return *this;";
  let extraClassDefinition = !strconcat(
    "::descent::Footprint $cppClass::getFootprint() const { return ::descent::Footprint::", footprint, "; }\n",
    "bool $cppClass::isOriented() const { return ", oriented, "; }\n",
    "bool $cppClass::ignoresScale() const { return ", scaleFree, "; }\n",
    "bool $cppClass::hasHomogeneousDual() const { return ", homogeneousDual, "; }\n",
    "::llvm::LogicalResult $cppClass::verifyQuery(::descent::NormQuery query, ::descent::GroupClass groupClass, "
    "::llvm::function_ref<::mlir::InFlightDiagnostic()> emitError) const {\n",
    "  const bool has[] = {", !if(!empty(norm), "false", "true"), ", ", !if(!empty(dualNorm), "false", "true"), ", ",
    !if(!empty(lmo), "false", "true"), ", ", !if(!empty(project), "false", "true"), "};\n",
    "  if (::llvm::failed(::descent::verifyNormQuery(*this, query, has, ", matrixOnly, ", groupClass, emitError))) {\n",
    "    return ::llvm::failure();\n  }\n  ", verifyMore, "\n}\n",
    "::mlir::Value $cppClass::emitNorm(::mlir::ImplicitLocOpBuilder &b, ::mlir::Value x) const {",
    !if(!empty(norm), "return {};", norm), "}\n",
    "::mlir::Value $cppClass::emitDualNorm(::mlir::ImplicitLocOpBuilder &b, ::mlir::Value x) const {",
    !if(!empty(dualNorm), "return {};", dualNorm), "}\n",
    "::mlir::Value $cppClass::emitLmo(::mlir::ImplicitLocOpBuilder &b, ::mlir::Value x) const {",
    !if(!empty(lmo), "return {};", lmo), "}\n",
    "::mlir::Value $cppClass::emitProjection(::mlir::ImplicitLocOpBuilder &b, ::mlir::Value x, "
    "::mlir::Value radius) const {",
    !if(!empty(project), "return {};", project), "}\n",
    "::descent::NormAttrInterface $cppClass::instantiate(::descent::NormAttrInterface given) const {",
    instantiate, "}\n");
}

//===----------------------------------------------------------------------===//
// Norms of entries
//===----------------------------------------------------------------------===//

def Descent_MaxNorm : Descent_Norm<"MaxNorm", "max"> {
  let summary = "largest absolute entry";
  let description = [{ `max |X_ij|`. Its LMO is the negated sign, 0 at 0; its dual is the sum of absolute entries. }];
  let norm = [{ return formula::maxAbs(b, x); }];
  let dualNorm = [{ return formula::sumAbs(b, x); }];
  let lmo = [{ return formula::negate(b, formula::sign(b, x)); }];
  let project = [{ return formula::clamp(b, x, radius); }];
}

def Descent_L1Norm : Descent_Norm<"L1Norm", "l1"> {
  let summary = "sum of absolute entries";
  let description = [{
    `sum |X_ij|`. Its LMO is the negated sign at the largest absolute entry; where several entries are the largest they
    share the unit mass evenly, so that the result does not depend on an order. The dual norm is the largest absolute
    entry.
  }];
  let footprint = "Tensor";
  let norm = [{ return formula::sumAbs(b, x); }];
  let dualNorm = [{ return formula::maxAbs(b, x); }];
  let lmo = [{ return formula::lmoOfL1(b, x, formula::Along::All); }];
}

def Descent_L2Norm : Descent_Norm<"L2Norm", "l2"> {
  let summary = "Frobenius norm";
  let description = [{ `sqrt(sum X_ij^2)`, its own dual. Its LMO is `-X / |X|`. }];
  let footprint = "Tensor";
  let norm = [{ return formula::norm2(b, x, formula::Along::All); }];
  let dualNorm = [{ return formula::norm2(b, x, formula::Along::All); }];
  let lmo = [{ return formula::lmoOfL2(b, x, formula::Along::All); }];
  let project = [{ return formula::projectL2(b, x, radius, formula::Along::All); }];
}

def Descent_RmsNorm : Descent_Norm<"RmsNorm", "rms"> {
  let summary = "root mean square of the entries";
  let description = [{
    `sqrt(mean X_ij^2)`. For d entries, the dual norm is `sqrt(d) |X|_2` and the LMO `-sqrt(d) X / |X|_2`.
  }];
  let footprint = "Tensor";
  let norm = [{ return getScaled().emitNorm(b, x); }];
  let dualNorm = [{ return getScaled().emitDualNorm(b, x); }];
  let lmo = [{ return getScaled().emitLmo(b, x); }];
  let project = [{ return getScaled().emitProjection(b, x, radius); }];
  let extraClassDeclaration = [{
    /// l2 times (rows cols)^(-1/2).
    NormAttrInterface getScaled() const;
  }];
}

//===----------------------------------------------------------------------===//
// Norms of rows and columns
//===----------------------------------------------------------------------===//

class Descent_SliceNorm<string cppName, string norm_mnemonic, string along> : Descent_Norm<cppName, norm_mnemonic> {
  let parameters = (ins DefaultValuedParameter<"int64_t", "2", "1 or 2">:$p);
  let assemblyFormat = "(`<` struct($p)^ `>`)?";
  let genVerifyDecl = 1;
  let footprint = "Row";
  let oriented = "true";
  let norm = "return formula::largestOf(b, formula::normP(b, x, getP(), formula::Along::" # along # "));";
  let dualNorm = "return formula::reduce(b, ReduceKind::Sum, "
                 "formula::normP(b, x, getP() == 1 ? formula::kInfinity : 2, formula::Along::" # along # "));";
  let lmo = "return getP() == 1 ? formula::lmoOfL1(b, x, formula::Along::" # along # ") : "
            "formula::lmoOfL2(b, x, formula::Along::" # along # ");";
}

def Descent_RowNorm : Descent_SliceNorm<"RowNorm", "row", "Rows"> {
  let summary = "largest lp norm of a row, p being 1 or 2";
  let description = [{
    `max_i |X_i:|_p`. Its LMO is that of lp on every row by itself, 0 on a row of zeros; the dual norm is the sum of the
    rows' dual norms. With p = 1 it is the operator norm from l-infinity to l-infinity; times `sqrt(cols)` with p = 2
    the one from RMS to l-infinity.
  }];
  let project = [{ return formula::projectL2(b, x, radius, formula::Along::Rows); }];
  let verifyMore = [{ return ::descent::verifySliceProjection(*this, getP(), query, emitError); }];
}

def Descent_ColumnNorm : Descent_SliceNorm<"ColumnNorm", "column", "Columns"> {
  let summary = "largest lp norm of a column, p being 1 or 2";
  let description = [{
    `max_j |X_:j|_p`; as `#descent.row`, for columns. Times `1 / sqrt(rows)` with p = 2 it is the operator norm from l1
    to RMS.
  }];
  let project = [{ return formula::projectL2(b, x, radius, formula::Along::Columns); }];
  let verifyMore = [{ return ::descent::verifySliceProjection(*this, getP(), query, emitError); }];
}

//===----------------------------------------------------------------------===//
// Norms of singular values
//===----------------------------------------------------------------------===//

class Descent_SpectralBase<string cppName, string norm_mnemonic> : Descent_Norm<cppName, norm_mnemonic> {
  let parameters = (ins
    OptionalParameter<"::descent::NewtonSchulzAttr", "of the LMO; Jordan's five steps in bf16 unless said">:$lmo,
    OptionalParameter<"::descent::NewtonSchulzAttr",
      "of the dual norm; 8 steps of Polar Express in f32 unless said">:$dual,
    DefaultValuedParameter<"bool", "false">:$approximate);
  let assemblyFormat = "(`<` struct($lmo, $dual, $approximate)^ `>`)?";
  let footprint = "Tensor";
  let matrixOnly = "true";
  // The methods add an epsilon to the norm that they divide by.
  let scaleFree = "getLmoMethod().getEpsilon() == 0.0";
  let homogeneousDual = "getDualMethod().getEpsilon() == 0.0";
  let verifyMore = [{
    return ::descent::verifyDualMethod(*this, getDualMethod(), getApproximate(), query, emitError);
  }];
  code methods = [{
    NewtonSchulzAttr getLmoMethod() const { return getLmo() ? getLmo() : NewtonSchulzAttr::getDirection(getContext()); }
    NewtonSchulzAttr getDualMethod() const { return getDual() ? getDual() : NewtonSchulzAttr::getDual(getContext()); }
  }];
}

def Descent_SpectralNorm : Descent_SpectralBase<"SpectralNorm", "spectral"> {
  let summary = "largest singular value";
  let description = [{
    Its LMO is the negated polar factor `-U V^T`, by the method `lmo`; the dual norm is the nuclear norm, `<X, U V^T>`
    with the method `dual`, which must be accurate (Jordan's list is 15 % wrong) unless the norm says
    `approximate = true`.
  }];
  let dualNorm = [{ return formula::nuclearNorm(b, x, getDualMethod()); }];
  let lmo = [{ return formula::negate(b, formula::orthogonalize(b, x, getLmoMethod())); }];
  let extraClassDeclaration = methods;
}

def Descent_RmsToRmsNorm : Descent_SpectralBase<"RmsToRmsNorm", "rms_to_rms"> {
  let summary = "operator norm between RMS norms, sqrt(cols / rows) times the largest singular value";
  let description = [{
    For a matrix [out, in]. The LMO is `-sqrt(rows / cols) U V^T`, the dual norm `sqrt(rows / cols)` times the nuclear
    norm.
  }];
  let oriented = "true";
  let dualNorm = [{ return getScaled().emitDualNorm(b, x); }];
  let lmo = [{ return getScaled().emitLmo(b, x); }];
  let extraClassDeclaration = methods # [{
    /// The spectral norm times rows^(-1/2) cols^(1/2).
    NormAttrInterface getScaled() const;
  }];
}

//===----------------------------------------------------------------------===//
// Composed norms
//===----------------------------------------------------------------------===//

def Descent_ScaledNorm : Descent_Norm<"ScaledNorm", "scaled"> {
  let summary = "another norm times factor * rows^a * cols^b";
  let description = [{
    `s |X|` with `s = factor * rows^rows * cols^cols`. The dual norm and the LMO are those of the inner norm divided by
    s.

    ```mlir
    func.func private @f() attributes {rms_to_max = #descent.scaled<#descent.row<p = 2>, cols = 5.000000e-01>}
    ```
  }];
  let parameters = (ins "::descent::NormAttrInterface":$inner, DefaultValuedParameter<"::descent::Real", "1.0">:$factor,
    DefaultValuedParameter<"::descent::Real", "0.0">:$rows, DefaultValuedParameter<"::descent::Real", "0.0">:$cols);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::mlir::Value emitScale(::mlir::ImplicitLocOpBuilder &b) const;
  }];
  // One emission a statement: C++ leaves the order of arguments to the compiler.
  let norm = [{
    ::mlir::Value inner = getInner().emitNorm(b, x);
    return formula::multiply(b, inner, emitScale(b));
  }];
  let dualNorm = [{
    ::mlir::Value inner = getInner().emitDualNorm(b, x);
    return formula::divide(b, inner, emitScale(b));
  }];
  let lmo = [{
    ::mlir::Value inner = getInner().emitLmo(b, x);
    return formula::scale(b, inner, formula::reciprocal(b, emitScale(b)));
  }];
  let project = [{ return getInner().emitProjection(b, x, formula::divide(b, radius, emitScale(b))); }];
  let verifyMore = [{ return getInner().verifyQuery(query, groupClass, emitError); }];
  let footprint = "Tensor";
  let oriented = "getRows() != getCols() || getInner().isOriented()";
  let scaleFree = "getInner().ignoresScale()";
  let homogeneousDual = "getInner().hasHomogeneousDual()";
}

def Descent_GivenNorm : Descent_Norm<"GivenNorm", "given"> {
  let summary = "the norm that the group, or --norm, gives";
  let description = [{ One rule serves matrices, embeddings and vectors. Replaced when groups are instantiated. }];
  let footprint = "Tensor";
  let oriented = "true";
  let scaleFree = "false";
  let homogeneousDual = "false";
  let norm = [{ return {}; }];
  let dualNorm = [{ return {}; }];
  let lmo = [{ return {}; }];
  let project = [{ return {}; }];
  let instantiate = [{ return given; }];
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTNORMS_TD
