// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: '29e9e104aa0627c71777c10d640855425fcc491cca55a09b033cae875cf199d6',
  AttestationRegistry: '3633efe327605fedd344a4c379d3fd030a88306a6db2787c5d9454800c3fc47e',
  AttestedKey: '8986b1ca2b00d2ded2507507685549c7b8af6d8978ef52d6bf811f02e7832149',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  Groth16Verifier: '4e0ecbf10af5907576f1a40674bf3f2409e4e053d16d8363ae16674ab1e41431',
  ZkJobEscrow: '99c4250f91a83f69532be677926e935cb37d83b5b4215825577e45f4ab45bcbb',
  JudgedBounty: 'b16a5fdeb5df85fb1dbec5500f8b428bbf77f857d459e17f3de5c583e722aee5',
  ModeratedRewards: '0525359a66818947e2eccc8b011a60f1446be239bd6df17f00069c06b02cbfce',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
