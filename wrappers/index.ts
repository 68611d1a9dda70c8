export * from './CheckedJobEscrow';
export * from './JobEscrow';
export * from './ProviderStake';
export * from './requiredValue';
export * from './stakeMessages';
export * from './stakeValues';
export { fromCell, toCell } from './cells';
