// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '9d323ac3e874bdff1932f6d7e16b8ae0064fc3d5bac52898606b446ac040d29f',
  ProviderStake: '4fc1143dbef847753b8490c540d19d10b6e8770f5c36c998a13a28320b73d114',
  AttestationRegistry: '18aecaf774240fbc990ad939f9d9a2171598c66cbfc99ee7ba37d9ab545af435',
  JudgedBounty: 'f0ad6e95a7e4654a06fe31bd4b4892ab9e9f296245f2d1f084140228677c4d0a',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
