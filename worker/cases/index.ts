/** Disputes about a worker's own answers (docs/slashing.md). */
export { Defender, type DefenderOptions } from './defender';
export { HeldTraces } from './heldTraces';
export { MAX_QUESTION_BODY, TRACES_PATH } from './traceQuestions';
export { CaseWatch } from './watch';
export { RequestVault } from './vault';
