export * from './AttestationRegistry';
export * from './CheckedJobEscrow';
export * from './JobEscrow';
export * from './ProviderStake';
export * from './registryMessages';
export * from './requiredValue';
export * from './stakeMessages';
export * from './stakeValues';
export { fromCell, toCell } from './cells';
