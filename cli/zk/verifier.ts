/** The verifier of a circuit: anybody may deploy it, once for everybody. */
import { parseVerifierData, keyCheckFee, VERIFIER_ERRORS, OP_CHECK_VERIFICATION_KEY } from '../../wrappers/zk';
import { beginCell, toNano } from '@ton/core';
import { ChainStateError } from '../../worker/errors';
import { sendAndWait } from '../provider/send';
import type { ZkSession } from './session';

/** Rent of five years and the check of the key come to less; the rest returns. */
const DEPLOYMENT_NANO = toNano('0.5');

export interface VerifierReport {
  verifier: string;
  isDevelopment: boolean;
  shard: number;
  deployed: boolean;
}

/** Whether the account is there and its key was checked. */
async function isReady({ chain, verifier }: ZkSession): Promise<boolean> {
  const { data } = await chain.getAccount(verifier.address);
  return data !== null && parseVerifierData(data).isChecked;
}

/** Deploys the verifier unless it is there. @throws ChainStateError */
export async function deployVerifier(session: ZkSession): Promise<VerifierReport> {
  const { chain, wallet, pollMillis, verifier, identity, progress } = session;
  const deployed = !(await isReady(session));
  if (deployed) {
    progress(`deploys the verifier ${verifier.address.toRawString()}; its first message checks the key`);
    await sendAndWait({ chain, wallet, pollMillis }, {
      what: 'the check of the key', to: verifier.address, init: verifier.init!, value: DEPLOYMENT_NANO + keyCheckFee(await chain.networkPrices()),
      body: () => beginCell().storeUint(OP_CHECK_VERIFICATION_KEY, 32).endCell(), receiver: { name: 'verifier', errors: VERIFIER_ERRORS, hint: 'docs/zk.md' },
    });
  }
  return { verifier: verifier.address.toRawString(), isDevelopment: identity.isDevelopment, shard: identity.shard, deployed };
}

/** @throws ChainStateError `chain.no-verifier` */
export async function requireVerifier(session: ZkSession): Promise<void> {
  if (await isReady(session)) return;
  throw new ChainStateError('chain.no-verifier', 'the verifier of this circuit is not on this chain', {
    received: session.verifier.address.toRawString(), hint: 'deploy it once for everybody: cocoon zk verifier',
  });
}
