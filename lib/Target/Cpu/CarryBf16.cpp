// bf16 as the integers that its bits are.
#include "descent/Target/Cpu/Passes.h"

#include "mlir/IR/AttrTypeSubElements.h"

namespace descent {
#define GEN_PASS_DEF_CPUCARRYBF16
#include "descent/Target/Cpu/Passes.h.inc"
} // namespace descent

using namespace mlir;

namespace {
struct CpuCarryBf16 : descent::impl::CpuCarryBf16Base<CpuCarryBf16> {
  void runOnOperation() override {
    Type integer = IntegerType::get(&getContext(), 16);
    AttrTypeReplacer replacer;
    replacer.addReplacement([&](BFloat16Type) { return integer; });
    replacer.addReplacement([&](FloatAttr number) -> std::optional<Attribute> {
      if (!number.getType().isBF16())
        return std::nullopt;
      return IntegerAttr::get(integer, number.getValue().bitcastToAPInt());
    });
    replacer.addReplacement([&](DenseElementsAttr numbers) -> std::optional<Attribute> {
      if (!numbers.getElementType().isBF16())
        return std::nullopt;
      return numbers.bitcast(integer);
    });
    replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true, /*replaceLocs=*/false,
                                          /*replaceTypes=*/true);
  }
};
} // namespace
