import { type Address, beginCell, contractAddress, external, storeMessage } from '@ton/core';
import type { Chain } from './chain';
import { invalid } from './errors';
import {
  addressParameter,
  bocParameter,
  cellParameter,
  optionalBoolean,
  optionalCellParameter,
  type Parameters,
} from './parameters';
import { copyOf, externalRefusal } from './refusal';

/** What an external message will cost its account: runs it on a copy of the account. */
export async function estimateFee(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const body = cellParameter(parameters, 'body');
  const code = optionalCellParameter(parameters, 'init_code');
  const data = optionalCellParameter(parameters, 'init_data');
  const ignoreChksig = optionalBoolean(parameters, 'ignore_chksig') ?? true;
  const init = code && data ? { code, data } : undefined;
  if (init && !contractAddress(address.workChain, init).equals(address)) {
    throw invalid('init_code and init_data do not give this address');
  }
  const message = external({ to: address, body, init });
  const account = await chain.account(address);
  const transaction = await copyOf(account)
    .receiveMessage(message, { ignoreChksig })
    .catch(async () => {
      throw await externalRefusal(account, message);
    });
  const description = transaction.description;
  const generic = description.type === 'generic' ? description : undefined;
  const gas = generic?.computePhase.type === 'vm' ? generic.computePhase.gasFees : 0n;
  const storage = generic?.storagePhase?.storageFeesCollected ?? 0n;
  // Part of the forwarding fees goes to the validators of this block, the rest travels with the messages.
  const action = generic?.actionPhase?.totalActionFees ?? 0n;
  const forward = generic?.actionPhase?.totalFwdFees ?? 0n;
  return {
    '@type': 'query.fees',
    source_fees: {
      '@type': 'fees',
      in_fwd_fee: Number(transaction.totalFees.coins - gas - storage - action),
      storage_fee: Number(storage),
      gas_fee: Number(gas),
      fwd_fee: Number(forward),
    },
    destination_fees: [],
  };
}

/** Sends an external message. Gives its hash and the hash of its normal form (TEP-467), in base64. */
export async function sendBoc(chain: Chain, parameters: Parameters): Promise<{ hash: string; hash_norm: string }> {
  const { message, cell } = await chain.sendBoc(bocParameter(parameters, 'boc'));
  const plain = external({ to: message.info.dest as Address, body: message.body });
  const normal = beginCell().store(storeMessage(plain, { forceRef: true })).endCell();
  return { hash: cell.hash().toString('base64'), hash_norm: normal.hash().toString('base64') };
}
