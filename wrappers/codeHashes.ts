// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  ProviderStake: 'e15930d5a0194426a2c07c398f748f3fd42aa125b72d7690fdcf4fca7bc93cac',
  AttestationRegistry: '8a4a4f9373c6ac29dc1a06a1eb23c8a0c08d585b46c611dac15b796e2ed65de8',
  QuoteChecker: '4bc24c2500f82defb4f4735236e48a3c613940de721def8c972b8f6365183bcc',
  JudgedBounty: '363b15d63099af224dad05cf48a3e87b3234d26c830670604a488c1ddaa08f0c',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
