export * from './AttestationRegistry';
export * from './AttestedKey';
export * from './CheckedJobEscrow';
export * from './Collateral';
export * from './collateralMessages';
export * from './codeHashes';
export * from './JobEscrow';
export * from './keyLife';
export * from './PaymentChannel';
export * from './channelCover';
export * from './ProviderStake';
export * from './QuoteChecker';
export * from './registryMessages';
export * from './requiredValue';
export * from './stakeMessages';
export * from './SlashingCase';
export * from './stakeValues';
export { fromCell, toCell } from './cells';

