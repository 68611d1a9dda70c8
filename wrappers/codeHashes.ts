// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: '82c3fc2a8a141616106f98aa5022069068502a638c2631953a9ab8cae72b6ca9',
  AttestationRegistry: '4bf29025e2e8472f4a2c0591f5876e264a01fbe6eac6d7d90ea541383a07a0cb',
  AttestedKey: '8986b1ca2b00d2ded2507507685549c7b8af6d8978ef52d6bf811f02e7832149',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: '53e73c4b0a9b14bdb0c7e035f85ba2d107fa1ff201ff6f341b55bcfc30ab1b1d',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
