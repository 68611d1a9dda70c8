export * from './CheckedJobEscrow';
export * from './JobEscrow';
export * from './requiredValue';
export { fromCell, toCell } from './cells';
