// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  ProviderStake: 'df77399bbc6665ba6272d4f407fe23439cfeeda948fcb72a114b77f917e91f9f',
  AttestationRegistry: '7686e97558d72cdedea93f593f9e901c0afac60c4555422e66efd3968d29848c',
  AttestedKey: 'd6c2b19d19ec5f72d64f5cdb982d2d76cbbb99c34a11b37b1e868c4ff63a605e',
  Collateral: 'bac8dd2cf24a62dd88543ce6fbc21fec59e9774e607b48d7b30c149151c412db',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: '3261ecb22071726bc4ec515c73e2567c07ace8c45ecf4f43676b23f1739ec613',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
