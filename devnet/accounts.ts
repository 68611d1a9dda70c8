import type { Address, Cell } from '@ton/core';
import type { Chain } from './chain';
import { liteServerError } from './errors';
import { addressParameter, optionalInteger, type Parameters } from './parameters';
import { readWallet } from './wallets';

const STATES = { active: 'active', uninit: 'uninitialized', frozen: 'frozen' } as const;
const NO_TRANSACTION = { lt: '0', hash: Buffer.alloc(32).toString('base64') };

/** The newest block, which is the only one whose state is kept. @throws ApiError when another is asked for */
export function newestBlock(chain: Chain, parameters: Parameters) {
  const seqno = optionalInteger(parameters, 'seqno', { low: 1, high: 2 ** 31 - 1 });
  if (seqno !== undefined && seqno > chain.seqno) throw liteServerError('seqno not in db', 'NOTREADY');
  if (seqno !== undefined && seqno < chain.seqno) {
    throw liteServerError(`state of block ${seqno} is not kept, a devnet has the newest only`, 'NOTREADY');
  }
  return chain.block(-1, chain.seqno);
}

async function read(chain: Chain, address: Address) {
  const account = await chain.account(address);
  const state = account.accountState;
  const newest = chain.transactionsOf(address)[0];
  const exists = newest !== undefined && state !== undefined && state !== null;
  const base64 = (cell: Cell | null | undefined) => cell?.toBoc().toString('base64') ?? '';
  const active = state?.type === 'active' ? state.state : undefined;
  return {
    balance: account.balance.toString(),
    state: STATES[state?.type ?? 'uninit'],
    code: base64(active?.code),
    data: base64(active?.data),
    frozenHash: state?.type === 'frozen' ? toHash(state.stateHash) : '',
    wallet: active?.code && active.data ? readWallet(active.code, active.data) : null,
    lastTransactionId: {
      '@type': 'internal.transactionId',
      ...(exists ? { lt: newest.transaction.lt.toString(), hash: newest.hash.toString('base64') } : NO_TRANSACTION),
    },
  };
}

const toHash = (value: bigint): string =>
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').toString('base64');

export const lastTransactionId = async (chain: Chain, address: Address) =>
  (await read(chain, address)).lastTransactionId;

export async function getAddressInformation(chain: Chain, parameters: Parameters) {
  const { balance, state, code, data, frozenHash, lastTransactionId } = await read(
    chain,
    addressParameter(parameters),
  );
  return {
    '@type': 'raw.fullAccountState',
    balance,
    extra_currencies: [],
    last_transaction_id: lastTransactionId,
    block_id: newestBlock(chain, parameters),
    code,
    data,
    frozen_hash: frozenHash,
    sync_utime: chain.now,
    state,
  };
}

export async function getExtendedAddressInformation(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const { balance, state, code, data, frozenHash, wallet, lastTransactionId } = await read(chain, address);
  const known = wallet !== null && /^wallet v([34]) r(\d)$/.exec(wallet.wallet_type);
  const accountState = known
    ? { '@type': `wallet.v${known[1]}.accountState`, wallet_id: wallet.wallet_id, seqno: wallet.seqno }
    : state === 'active'
      ? { '@type': 'raw.accountState', code, data, frozen_hash: frozenHash }
      : { '@type': 'uninited.accountState', frozen_hash: frozenHash };
  return {
    '@type': 'fullAccountState',
    address: { '@type': 'accountAddress', account_address: address.toString() },
    balance,
    extra_currencies: [],
    last_transaction_id: lastTransactionId,
    block_id: newestBlock(chain, parameters),
    sync_utime: chain.now,
    account_state: accountState,
    revision: known ? Number(known[2]) : 0,
  };
}

export async function getWalletInformation(chain: Chain, parameters: Parameters) {
  const { balance, state, wallet, lastTransactionId } = await read(chain, addressParameter(parameters));
  newestBlock(chain, parameters);
  return {
    '@type': 'ext.accounts.walletInformation',
    wallet: wallet !== null,
    balance,
    account_state: state,
    last_transaction_id: lastTransactionId,
    ...wallet,
  };
}

export async function getAddressBalance(chain: Chain, parameters: Parameters) {
  newestBlock(chain, parameters);
  return (await read(chain, addressParameter(parameters))).balance;
}

export async function getAddressState(chain: Chain, parameters: Parameters) {
  newestBlock(chain, parameters);
  return (await read(chain, addressParameter(parameters))).state;
}

/** All forms of an address. */
export function detectAddress(_chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const given = parameters.address as string;
  const flags = given.includes(':') ? null : Buffer.from(given, 'base64')[0];
  const isTestOnly = flags !== null && (flags & 0x80) !== 0;
  const forms = (bounceable: boolean) => ({
    b64: address.toString({ bounceable, testOnly: isTestOnly, urlSafe: false }),
    b64url: address.toString({ bounceable, testOnly: isTestOnly }),
  });
  return {
    '@type': 'ext.utils.detectedAddress',
    raw_form: address.toRawString(),
    bounceable: forms(true),
    non_bounceable: forms(false),
    given_type:
      flags === null ? 'raw_form' : (flags & 0x7f) === 0x11 ? 'friendly_bounceable' : 'friendly_non_bounceable',
    test_only: isTestOnly,
  };
}
