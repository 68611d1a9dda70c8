// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  ProviderStake: '51417def52d76c89c2ac2316330ff1bc02cc2af82dab6fa3f3b3afede3e311f3',
  AttestationRegistry: '47a2ffba029359e26f98170aa1a1fa8ceb57e1674727e291a0a49e4d42871889',
  JudgedBounty: 'b2a78802965e116d42534c199d30a30d5383bdb73bc6478e1237814b2cb2c68b',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
