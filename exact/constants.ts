/** Numbers that docs/exact-arithmetic.md fixes for every model. */

export const CONFIG_BYTES = 32;
export const FORMAT_VERSION = 2;
/** Number of the arithmetic itself; terms name it, and a stake judges only the semantics it knows. */
export const SEMANTICS = 2;
/** "OCEXACT" and the version of the container, the first bytes of a model file; the format stands in the config. */
export const MAGIC = Uint8Array.of(0x4f, 0x43, 0x45, 0x58, 0x41, 0x43, 0x54, 1);
/** Bits of the config's flags. */
export const QK_NORM = 1;
export const WIDE_SWIGLU = 2;

/** Positions, dims and logits are cut into blocks of 256 for partial sums and leaves. */
export const BLOCK = 256;
/** Dims of V in one transposed leaf; the dims of a head are a multiple. */
export const TRANSPOSED_DIMS = 4;
/** Rows of `down` whose partial sums share a leaf. */
export const ROWS_PER_DOWN_LEAF = 32;
/** Positions of one trace block, equal to the protocol's chunk. */
export const TRACE_BLOCK = 32;
/** depth of the 32 positions of a trace block. */
export const TRACE_BLOCK_DEPTH = 5;
/** A dispute descends each of its two trees in at most 6 rounds of 32 children (protocol.md). */
export const MAX_TREE_DEPTH = 30;
/** No leaf is longer, so that a contract can open it in one message. */
export const MAX_LEAF_BYTES = 4096;

/** int8 rows are padded to whole TVM cells of 120 bytes ... */
export const CELL_BYTES = 120;
/** ... which hold 4 words of 30 bytes; model rows and keys are reversed within each word. */
export const WORD_BYTES = 30;
/** Bytes of a padded row in one leaf: 30 cells. */
export const SEGMENT_BYTES = 3600;
/** The byte of the int8 value 0, which also pads. */
export const ZERO_BYTE = 128;

/** Logits per entry of the running sums of full sampling, and sums per leaf. */
export const SUM_BLOCK = 64;
export const SUMS_PER_LEAF = 512;
/** The longest committed list of top mode. */
export const MAX_TOP_K = 256;
