// Proofs. Apart from the package's other exports: its curve is 200 kB that a page without proofs need not load.
export * from './context';
export * from './key';
export * from './points';
export * from './proof';
export type * from './types';
