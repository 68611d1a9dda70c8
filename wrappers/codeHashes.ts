// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  ProviderStake: '91017e98952ed39e5c0db0354f34313232f6f1dc4d7b3a0bd3181eebc3480ad9',
  AttestationRegistry: 'a8f4fbe61de25037046e8f5a3cba03d9fe1e95e64281a9b14522dc732af96d04',
  AttestedKey: '45a53bb2f283fd545850fd5aafd5a5ee32d4efd895f1014f29ed63c5522fceee',
  Collateral: '232574653dcbb0b0fdc0cf1a0d161af7157360fc61585ead177d8230c165b26d',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: 'df2d9c5c573100fa6964116fca58e9f5d03861f1190011dffa83f111636ed16d',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
