// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: '6054576520db68563f4d8667db60bbe20b2ad2c882bf760a0c5fcf4dc582695d',
  AttestationRegistry: 'd906fe8fee61cb43e1c3c57a9988366ddc92edbd0f791e35b9dbe3feb336254b',
  AttestedKey: 'e83261637100c4f68e62858811daf4ad597257591f5908cfd35d8423314e2f8d',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  JudgedBounty: '7ffb8115812338de24808c262a671497fe8720cc41bea102dab3d4ab95759ff6',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
