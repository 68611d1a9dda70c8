/** Everything that the host may call. AssemblyScript; compiled by scripts/build/build.mjs. */
export { score, scores, weigh } from './attention';
export { downInput, swiGlu, wideSwiGlu } from './feedForward';
export { plainHeads, remember, rotate, rotatedHeads } from './heads';
export { addBiases, embed, linear } from './linear';
export { norm, normHeads } from './norm';
export { argmax, drawFull, drawTop } from './sampling';
export { integerSquareRoot, requantize } from './scalar';
export { meet } from './threads';
export { quantize, roundedShift } from './vector';
