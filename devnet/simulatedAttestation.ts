/**
 * A devnet begins with SIMULATED attestation in force: the simulated image in its registry, as if its notice had passed before the
 * chain began, and collateral for the simulated platform. On a real network both take public time, and Intel's root.
 */
import { type Address, beginCell, type Cell, toNano } from '@ton/core';
import { type Blockchain, createShardAccount, internal, type SandboxContract, type TreasuryContract } from '@ton/sandbox';
import type { Transaction } from '@ton/core';
import { collateralCells } from '../attest/collateralCells';
import { simulatedImageHash, simulatedPlatformCollateral } from '../attest/simulated/platform';
import { SIMULATED_FMSPC, SIMULATED_ROOT } from '../attest/simulated/quote';
import { loadAttestationRegistry$Data, storeAttestationRegistry$Data } from '../build/Suite/Suite_AttestationRegistry';
import { Claim, Collateral, COLLATERAL_POSTS, NOTICE_SECONDS } from '../wrappers';
import { toInteger } from '../wrappers/cells';

/** Puts the image into the registry's state, which the chain begins with. */
export async function putSimulatedImage(blockchain: Blockchain, registry: Address): Promise<void> {
  const contract = await blockchain.getContract(registry);
  if (contract.accountState?.type !== 'active') throw new Error('the registry is not deployed');
  const { code, data } = contract.accountState.state;
  const state = loadAttestationRegistry$Data(data!.beginParse());
  const began = BigInt(blockchain.now! - NOTICE_SECONDS);
  state.images.set(toInteger(simulatedImageHash()), {
    $$type: 'ImagePolicy', claims: BigInt(Claim.cpuOnly), proposedAt: began, effectiveFrom: BigInt(blockchain.now!), revokedAt: 0n,
  });
  const withImage: Cell = beginCell().store(storeAttestationRegistry$Data({ ...state, imageCount: state.imageCount + 1n })).endCell();
  await blockchain.setShardAccount(registry, createShardAccount({
    address: registry, code: code!, data: withImage, balance: contract.balance, workchain: 0,
  }));
}

/** Posts collateral for the simulated platform; its transactions, one list for each part. */
export async function postSimulatedCollateral(
  blockchain: Blockchain, registry: Address, poster: SandboxContract<TreasuryContract>,
): Promise<Transaction[][]> {
  const account = await Collateral.fromScope({
    registry, root: SIMULATED_ROOT, fmspc: BigInt(`0x${SIMULATED_FMSPC.toString('hex')}`), isProcessorCa: false,
  });
  const cells = collateralCells(simulatedPlatformCollateral(blockchain.now!), SIMULATED_ROOT);
  const all: Transaction[][] = [];
  for (const pack of Object.values(COLLATERAL_POSTS)) {
    const message = internal({
      from: poster.address, to: account.address, value: toNano('2'), bounce: true, body: pack(cells), stateInit: account.init,
    });
    const { transactions } = await blockchain.sendMessage(message);
    all.push(transactions);
  }
  return all;
}
