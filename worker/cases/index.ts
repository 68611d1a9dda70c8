/** Disputes about a worker's own answers (docs/slashing.md). */
export { Defender, type DefenderOptions } from './defender';
export { CaseWatch } from './watch';
export { RequestVault } from './vault';
