// The dialect, its enums, attributes and the buffer type.
#ifndef DESCENT_DIALECT_PLAN_IR_PLANDIALECT_TD
#define DESCENT_DIALECT_PLAN_IR_PLANDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"
include "mlir/IR/EnumAttr.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let summary = "how an optimizer step moves memory";
  let description = [{
    A program has a track for each group of the recipe, and one for each body that the groups share. A track is what
    happens to one layer: an ordered list of stages over buffers with storage types. Cuts, with the same numbers in all
    tracks, are the only points where layers meet; between cuts tracks are unordered. Numbers are f64, one a layer.

    The bytes, FLOPs and scratch of every stage follow from its operands' types: `descent-compile --explain` prints
    them.
  }];
  let cppNamespace = "::descent::plan";
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Plan_I32Enum<string name, string summary, list<I32EnumAttrCase> cases> : I32EnumAttr<name, summary, cases> {
  let cppNamespace = "::descent::plan";
}

def Plan_Extent : Plan_I32Enum<"Extent", "a size that is known when the plan is made", [
  I32EnumAttrCase<"One", 0, "one">,
  I32EnumAttrCase<"Rows", 1, "rows">,
  I32EnumAttrCase<"Cols", 2, "cols">,
  I32EnumAttrCase<"Short", 3, "short">,           // min(rows, cols)
  I32EnumAttrCase<"Long", 4, "long">,             // max(rows, cols)
  I32EnumAttrCase<"Tiles", 5, "tiles">,           // of the grid of the one stage that writes the buffer
  I32EnumAttrCase<"RowBlocks", 6, "row_blocks">,  // likewise
  I32EnumAttrCase<"ColBlocks", 7, "col_blocks">,  // likewise
  I32EnumAttrCase<"Inner", 8, "inner">            // a third size, which the products of a library sum over
]>;

def Plan_CombineKind : Plan_I32Enum<"CombineKind", "how partial results are folded", [
  I32EnumAttrCase<"Sum", 0, "sum">, I32EnumAttrCase<"Max", 1, "max">, I32EnumAttrCase<"Min", 2, "min">
]>;

def Plan_Reach : Plan_I32Enum<"Reach", "which layers meet in a total", [
  I32EnumAttrCase<"Parameter", 0, "parameter">,
  I32EnumAttrCase<"Group", 1, "group">,
  I32EnumAttrCase<"Model", 2, "model">
]>;

def Plan_Lifetime : Plan_I32Enum<"Lifetime", "how long scratch memory lives", [
  I32EnumAttrCase<"Worker", 0, "worker">,  // within a segment: one copy a worker
  I32EnumAttrCase<"Layer", 1, "layer">     // across a cut: one copy a layer
]>;

def Plan_GroupClass : Plan_I32Enum<"GroupClass", "what a group accepts as a layer", [
  I32EnumAttrCase<"Any", 0, "any">, I32EnumAttrCase<"Matrix", 1, "matrix">, I32EnumAttrCase<"Vector", 2, "vector">
]>;

def Plan_Number : Plan_I32Enum<"Number", "a number that the driver knows", [
  I32EnumAttrCase<"Rows", 0, "rows">,
  I32EnumAttrCase<"Cols", 1, "cols">,
  I32EnumAttrCase<"Step", 2, "step">,
  I32EnumAttrCase<"Updates", 3, "updates">,
  I32EnumAttrCase<"Loss", 4, "loss">,
  I32EnumAttrCase<"GradientScale", 5, "gradient_scale">,
  I32EnumAttrCase<"Random", 10, "random">
]>;

def Plan_StateInit : Plan_I32Enum<"StateInit", "the initial content of a state", [
  I32EnumAttrCase<"Value", 0, "value">, I32EnumAttrCase<"Parameter", 1, "parameter">
]>;

def Plan_Layout : Plan_I32Enum<"Layout", "how a buffer's entries lie in memory", [
  I32EnumAttrCase<"Plain", 0, "plain">,  // row by row
  I32EnumAttrCase<"Panels", 1, "panels"> // as products want their right factor
]>;

def Plan_LayoutParameter : EnumParameter<Plan_Layout> {
  let defaultValue = "::descent::plan::Layout::Plain";
}

def Plan_DomainAttr : AttrDef<Plan_Dialect, "Domain"> {
  let mnemonic = "domain";
  let summary = "the index space of a stage";
  let description = [{
    `<rows, cols>` is a matrix whose second axis is contiguous in memory; one-dimensional data is `<one, rows>`.
  }];
  let parameters = (ins EnumParameter<Plan_Extent>:$rows, EnumParameter<Plan_Extent>:$cols);
  let assemblyFormat = "`<` $rows `,` $cols `>`";
  let genVerifyDecl = 1;
}

def Plan_AlternativeAttr : AttrDef<Plan_Dialect, "Alternative"> {
  let mnemonic = "alternative";
  let summary = "which alternative of which choice of the track an operation belongs to";
  let description = [{
    As the attribute `plan.alternative` of an operation that does work: `<1, 0>` is the first alternative of the track's
    second choice. The operation is skipped for layers that run another one.
  }];
  let parameters = (ins "unsigned":$choice, "unsigned":$index);
  let assemblyFormat = "`<` $choice `,` $index `>`";
}

def Plan_CodeSign : Plan_I32Enum<"CodeSign", "which numbers 8-bit codes stand for", [
  I32EnumAttrCase<"Signed", 0, "signed">, I32EnumAttrCase<"Unsigned", 1, "unsigned">
]>;

def Plan_Q8Type : TypeDef<Plan_Dialect, "Q8"> {
  let mnemonic = "q8";
  let summary = "an 8-bit code; a block of a row has one scale";
  let description = [{
    `!plan.q8<256, signed>`: an entry is the number that the code stands for, times the scale of its block of 256
    columns. The scales are a buffer of `!plan.scale<256>` of their own. Stages compute with such entries in f32.

    Rules:
    * (R1) A block has 64, 128 or 256 columns.
  }];
  let parameters = (ins "int64_t":$block, EnumParameter<Plan_CodeSign>:$sign);
  let assemblyFormat = "`<` $block `,` $sign `>`";
  let genVerifyDecl = 1;
}

def Plan_ScaleType : TypeDef<Plan_Dialect, "Scale"> {
  let mnemonic = "scale";
  let summary = "the scales of blocks of codes";
  let description = [{
    A buffer `<rows, cols, !plan.scale<256>>` holds an f32 for each block of 256 columns of a row, the last one shorter.

    Rules:
    * (R1) A block has 64, 128 or 256 columns.
  }];
  let parameters = (ins "int64_t":$block);
  let assemblyFormat = "`<` $block `>`";
  let genVerifyDecl = 1;
}

def Plan_BufferType : TypeDef<Plan_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "memory of one layer: two extents and a storage type";
  let description = [{
    A matrix in memory whose second axis is contiguous, `!plan.buffer<rows, cols, bf16>`; one-dimensional data has `one`
    row. The storage type may differ from the type that a stage computes with: loads and stores convert. Stages compute
    in f32 or f64; an i16, which holds half of a number, is an i32 there.

    With the layout `panels` it is a right factor that `plan.pack` has rearranged for products: `<outer, inner, f32,
    panels>` holds an entry for each index of the outer extent and of the one that is summed over. How wide panels are
    and how the extents are rounded is the target's affair.

    Partial results count blocks of the grid of the one stage that writes them: `<one, tiles, f64>` holds a number a
    tile, `<col_blocks, rows, f64>` numbers per row and block of columns, `<row_blocks, cols, f64>` per column and block
    of rows.
  }];
  let parameters = (ins EnumParameter<Plan_Extent>:$rows, EnumParameter<Plan_Extent>:$cols,
    "::mlir::Type":$elementType, Plan_LayoutParameter:$layout);
  let builders = [TypeBuilder<(ins "::descent::plan::Extent":$rows, "::descent::plan::Extent":$cols,
    "::mlir::Type":$elementType), [{ return $_get($_ctxt, rows, cols, elementType, Layout::Plain); }]>];
  let assemblyFormat = "`<` $rows `,` $cols `,` $elementType (`,` $layout^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Whether the extents count blocks of a stage's grid.
    bool isPartial() const;
    /// Whether this is a packed right factor.
    bool isPanels() const { return getLayout() == Layout::Panels; }
    /// What an element is in memory: an i8 for a code, an f32 for a scale.
    ::mlir::Type getMemoryType() const;
    /// Bytes that an entry takes in memory. Scales count with the codes that they belong to.
    double getEntryBytes() const;
    /// The domain with these extents.
    DomainAttr getDomain() const { return DomainAttr::get(getContext(), getRows(), getCols()); }
  }];
}

#endif // DESCENT_DIALECT_PLAN_IR_PLANDIALECT_TD
