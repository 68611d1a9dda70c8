// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: 'd64fdd5bee904e72f81ba9648602bcf385aaa907548814f5d2993a9065840f0b',
  ProviderStake: 'cf68f9e9112c8b7a9c6bad581791bf1ff63c200dc61f7d0504b2e0e1af20ef2d',
  AttestationRegistry: '1412db9c1defc6446448e22ce420fac79cb2789c8b43bbd8b79294cd9084189b',
  JudgedBounty: '7521599c4fd617c79f02c171321094a8ac265c26f7e08cb2afa86f445dbfd07a',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
