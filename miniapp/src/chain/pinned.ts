// Generated from the compiled contracts (npm run docs:update): what the page knows of them without asking anybody.

/** PaymentChannel, a bag of cells in base64: what a channel is opened with. */
export const CHANNEL_CODE = 'te6ccgECBAEAAaUAAs7/ACDjAyCkjtow7UTQIDH4mW7y42f6ANMfIfgjvPLjaCAEgwjXGNQD1h8ByM+RPQ1Yxs74KM8WJM8W+RYB0/9UckH5EPLjatP/JNCDCNcY0VR0AvkQ8uNpMAbSAPoAMGxS2z3h8sgLAQMB9jAB0HLXIdIA0gD6QCEQNFBmbwT4YQL4Yu1E0CAxApFb4AH6ANMfI8cAmhNfA/gjAbny42jgA9MfJIEBINcYgwfXISDXC//4QvpEAcMAsSWBDHG6jho1N1A2uvLjbNP/MFAjyAH6Assfzsv/zsntVOAzMwOBDHC68uNtAgIAmNdM0NP/0x/4Iya+UlW6FLGOHmwicDP4I7uAILCBAIKgAcjPiQgBy/+Ab89AyQH7AJ8wErry42z4IwHXCx+gtgjiAcgB+gLLH87J7VQA2CShgREwcPg2cYECgHD4OKoAoPgnbxAhoVi2CCGhcLYJIiGx8uNrZqAloDUi1wv/yM+JCAHL/wH6AoBrz0DJc/sA+ACOGtdM0NcL/8jPiQgBy/+Ab89AyYEAgvsAMHBw3jAByAH6AssfzsntVA==';

/** ProviderStake: with its data the address of a stake. Hash in hex. */
export const STAKE_CODE = { hash: '56c12cf65cf65b75aa89c6adc546ba487e4507c6c7ef4578d4cb5751ff8de078', depth: 18 } as const;

/** Hash of AttestationRegistry, hex. */
export const REGISTRY_CODE_HASH = 'b0fc9712fe6e776185679291d6b9199f7305171bacc1bf8f608270ea3d78af6d';

/** The key that ends every chain of certificates of a real quote: x and y, hex. */
export const INTEL_ROOT = '0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f567918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394';
