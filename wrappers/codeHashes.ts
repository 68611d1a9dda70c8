// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: 'd64fdd5bee904e72f81ba9648602bcf385aaa907548814f5d2993a9065840f0b',
  ProviderStake: '4fc1143dbef847753b8490c540d19d10b6e8770f5c36c998a13a28320b73d114',
  AttestationRegistry: '18aecaf774240fbc990ad939f9d9a2171598c66cbfc99ee7ba37d9ab545af435',
  JudgedBounty: '4c707e6422c7e3596d736212aab0a32c164ce0f5591147ce5d3fe5db02561a17',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
