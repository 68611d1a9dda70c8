// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: 'c63ae6f02604e90d5c4be3c84cfb8bb41fdfa0956b0b07fb64705437e9a86c94',
  AttestationRegistry: '711392304eb092ec9eb5ff105f390f5426decb97ac3288b0c04b6e497fe40957',
  AttestedKey: '8986b1ca2b00d2ded2507507685549c7b8af6d8978ef52d6bf811f02e7832149',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: '7e192f7346329a11e5d7fac5c9bb0413e95386ce3d6cf3a98923b46f1299db1b',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
