// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  ProviderStake: '5e9da4ff80837a5cde6875ae2464979ee906d6fb23289ad05ad326545805818a',
  AttestationRegistry: 'fbb791615c1a3aa672172882c958ae76ccb86d85ff16032c51f7ee3c5d575bc5',
  AttestedKey: '26b8820af71a5c36d6f00ad1e35a35f8036c5adcfa77e4458a742171718767db',
  Collateral: '51a151751a82253ab516fa520006120c441e6efd1bf5a399c8a1f8a9fd62cd14',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: 'e44cb87bcf268c3ff0cc841d4d05b87828daf6ef405a97de74c9d1a353576802',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
