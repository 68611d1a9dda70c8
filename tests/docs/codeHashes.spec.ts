import fs from 'node:fs';
import path from 'node:path';
import { Address, Cell } from '@ton/core';
import { JudgedBounty } from '../../examples/bounty/JudgedBounty';
import { ModeratedRewards } from '../../examples/moderation/ModeratedRewards';
import { codeHashesSource, compiledCode, pinnedSource } from '../../scripts/docs/codeHashes';
import { CONTRACTS } from '../../scripts/docs/tables';
import {
  AttestationRegistry,
  AttestedKey,
  checkedJobEscrowCode,
  Collateral,
  type ContractName,
  INTEL_ROOT,
  jobEscrowCode,
  PaymentChannel,
  providerStakeCode,
  QuoteChecker,
} from '../../wrappers';
import { groth16VerifierCode, zkJobEscrowCode } from '../../wrappers/zk';
import { keyOf, trapdoorOf } from '../support/groth16Simulator';

const root = path.join(__dirname, '../..');
const nobody = new Address(0, Buffer.alloc(32));
const key = new Uint8Array(32);

/** What the SDK and the example deploy. */
const DEPLOYED: Record<ContractName, () => Promise<Cell>> = {
  JobEscrow: jobEscrowCode,
  CheckedJobEscrow: checkedJobEscrowCode,
  PaymentChannel: async () => {
    const parties = { client: nobody, stake: nobody, payout: nobody, clientKey: key, claimKey: key };
    return (await PaymentChannel.fromTerms({ ...parties, networkId: 0, closeDelay: 1, expiry: 1 })).init!.code;
  },
  ProviderStake: providerStakeCode,
  AttestationRegistry: async () => {
    const none = { networkId: 0, governor: nobody, guardian: nobody, builders: [], threshold: 0 };
    return (await AttestationRegistry.fromGovernance(none)).init!.code;
  },
  AttestedKey: async () => (await AttestedKey.fromScope({ networkId: 0, registry: nobody, owner: nobody, stake: nobody, workerKey: key, root: INTEL_ROOT })).init!.code,
  Collateral: async () => (await Collateral.fromScope({ registry: nobody, root: INTEL_ROOT, fmspc: 0n, isProcessorCa: false })).init!.code,
  QuoteChecker: async () => (await QuoteChecker.fromRoot()).init.code,
  Groth16Verifier: groth16VerifierCode,
  ZkJobEscrow: zkJobEscrowCode,
  JudgedBounty: async () => {
    const accounts = { registry: nobody, sponsor: nobody, provider: nobody, payout: nobody };
    const numbers = { networkId: 0, price: 0n, stopToken: 0, maxTokens: 1, winningToken: 0 };
    return (await JudgedBounty.fromConfig({ ...accounts, ...numbers, workerKey: key, modelRoot: key })).init!.code;
  },
  ModeratedRewards: async () => {
    const judge = { key: keyOf(trapdoorOf('any')), isDevelopment: true, shard: 0 };
    const numbers = { networkId: 0, accepted: 0, reward: 0n, price: 0n };
    return (await ModeratedRewards.fromConfig({ ...numbers, editor: nobody, judge })).init!.code;
  },
};

describe('code hashes', () => {
  it.each([
    ['wrappers/codeHashes.ts', () => codeHashesSource(CONTRACTS)],
    ['miniapp/src/chain/pinned.ts', pinnedSource],
  ])('in %s are those of the compiled contracts', (name, source) => {
    const file = path.join(root, name);
    const generated = source();
    if (process.env.COCOON_DOCS_UPDATE === '1') fs.writeFileSync(file, generated);
    else expect(fs.readFileSync(file, 'utf8')).toBe(generated);
  });

  it.each(CONTRACTS)('%s: the artefact and what the SDK deploys are the compiled code', async (contract) => {
    const artefact = JSON.parse(fs.readFileSync(path.join(root, `build/${contract}.compiled.json`), 'utf8'));
    expect(artefact.hash).toBe(compiledCode(contract).hash);
    expect((await DEPLOYED[contract]()).hash().toString('hex')).toBe(compiledCode(contract).hash);
  });
});
