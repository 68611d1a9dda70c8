// Generated from the compiled contracts (npm run docs:update); docs/code-hashes.md says how to compare.

/** Hash of every contract of this version, hex: what an account that holds it shows as its code hash. */
export const CODE_HASHES = {
  JobEscrow: '529a16cefa2307b57076825e158d133d07a3df4ff3a55128df90630726cb6ea4',
  CheckedJobEscrow: '303dc6c1f6fe8d03ce1bfa8d58a1a39c7039dbd340c36acbcdbc548ecac18f08',
  PaymentChannel: '2f5abd8a5a9633679a6d7a101f9df4e584abef06855adf0295e9734f8d5aa0cd',
  ProviderStake: '56c12cf65cf65b75aa89c6adc546ba487e4507c6c7ef4578d4cb5751ff8de078',
  AttestationRegistry: 'b0fc9712fe6e776185679291d6b9199f7305171bacc1bf8f608270ea3d78af6d',
  AttestedKey: '8986b1ca2b00d2ded2507507685549c7b8af6d8978ef52d6bf811f02e7832149',
  Collateral: 'd87be72afe9ca365cbb71d93616668528fc249b6614bb4cb71bfa1e23765372f',
  QuoteChecker: '57184483f159b0479dde690732caeb5020d0d25d947c69e71f29f49b549ce820',
  Groth16Verifier: '4e0ecbf10af5907576f1a40674bf3f2409e4e053d16d8363ae16674ab1e41431',
  ZkJobEscrow: '99c4250f91a83f69532be677926e935cb37d83b5b4215825577e45f4ab45bcbb',
  JudgedBounty: '142951629fd0b8f2a3b2282df729a4ce8370192257ac74a73987a8ebe95949f5',
  ModeratedRewards: '0525359a66818947e2eccc8b011a60f1446be239bd6df17f00069c06b02cbfce',
} as const;

export type ContractName = keyof typeof CODE_HASHES;
