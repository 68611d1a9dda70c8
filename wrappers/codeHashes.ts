// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: 'c01a12418b03568bb77e826a54ddf17a9461ecdb4124dc6e37cd7e09155a4045',
  AttestationRegistry: 'f32b1b4416c85de525f0eb7cc2e8a9dd0a177acfe2c1853b5546d2da605aaadc',
  AttestedKey: '8986b1ca2b00d2ded2507507685549c7b8af6d8978ef52d6bf811f02e7832149',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: '624b0622f382dcd34bb30405ae0c65c1538c049870291d052889e4e7303a795b',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
