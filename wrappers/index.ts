export * from './JobEscrow';
export * from './requiredValue';
export { CHAIN_CELL_BYTES, loadByteChain, storeByteChain } from './byteChain';
