import { Address, beginCell, Cell, contractAddress, Dictionary, external, storeMessage } from '@ton/core';
import { GetMethodError, type Blockchain } from '@ton/sandbox';
import { blockIdExt } from './blocks';
import type { Chain, StoredTransaction } from './chain';
import { badParameter, liteServerError } from './errors';
import {
  addressParameter,
  bocParameter,
  integerParameter,
  optionalCellParameter,
  optionalLt,
  type Parameters,
  stringParameter,
} from './parameters';
import { formatStack, parseStack } from './stack';
import { formatTransaction } from './transactions';

type Method = (chain: Chain, parameters: Parameters) => Promise<unknown> | unknown;

const STATES = { active: 'active', uninit: 'uninitialized', frozen: 'frozen' } as const;
const NO_TRANSACTION = { lt: '0', hash: Buffer.alloc(32).toString('base64') };

async function accountFields(chain: Chain, address: Address) {
  const account = await chain.account(address);
  const state = account.accountState;
  const newest = chain.transactionsOf(address)[0];
  const last =
    newest && state ? { lt: newest.transaction.lt.toString(), hash: newest.hash.toString('base64') } : NO_TRANSACTION;
  const boc = (cell: Cell | null | undefined) => cell?.toBoc().toString('base64') ?? '';
  return {
    balance: account.balance.toString(),
    state: STATES[state?.type ?? 'uninit'],
    code: state?.type === 'active' ? boc(state.state.code) : '',
    data: state?.type === 'active' ? boc(state.state.data) : '',
    frozen_hash: state?.type === 'frozen' ? state.stateHash.toString(16) : '',
    last,
  };
}

/** The transactions before (and with) a given one, newest first. */
function page(chain: Chain, parameters: Parameters): readonly StoredTransaction[] {
  const all = chain.transactionsOf(addressParameter(parameters));
  const limit = integerParameter(parameters, 'limit', 10, 1, 1000);
  const lt = optionalLt(parameters, 'lt');
  const toLt = optionalLt(parameters, 'to_lt') ?? 0n;
  const from = lt === undefined ? all : all.filter(({ transaction }) => transaction.lt <= lt);
  return from.filter(({ transaction }) => transaction.lt > toLt).slice(0, limit);
}

function locate(chain: Chain, parameters: Parameters, side: 'result' | 'source') {
  const source = addressParameter(parameters, 'source');
  const destination = addressParameter(parameters, 'destination');
  const createdLt = optionalLt(parameters, 'created_lt');
  const sent = (message: { info: { type: string } } | null | undefined) => {
    const info = message?.info as { type: string; src?: Address; dest?: Address; createdLt?: bigint } | undefined;
    return (
      info?.type === 'internal' &&
      info.src!.equals(source) &&
      info.dest!.equals(destination) &&
      info.createdLt === createdLt
    );
  };
  const owner = side === 'result' ? destination : source;
  const found = chain
    .transactionsOf(owner)
    .find(({ transaction }) =>
      side === 'result' ? sent(transaction.inMessage) : [...transaction.outMessages.values()].some(sent),
    );
  if (!found) throw liteServerError('message not found');
  return formatTransaction(found, owner);
}

async function runGetMethod(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const method = parameters.method;
  const name = typeof method === 'number' ? method : stringParameter(parameters, 'method');
  const account = await chain.account(address);
  const last = { '@type': 'internal.transactionId', ...(await accountFields(chain, address)).last };
  const common = {
    '@type': 'smc.runResult',
    block_id: blockIdExt(chain.options.networkId, -1, chain.seqno),
    last_transaction_id: last,
  };
  if (account.accountState?.type !== 'active') return { ...common, gas_used: 0, stack: [], exit_code: -13 };
  try {
    const id = typeof name === 'number' || /^\d+$/.test(name) ? Number(name) : name;
    const result = await account.get(id, parseStack(parameters.stack));
    return {
      ...common,
      gas_used: Number(result.gasUsed),
      stack: formatStack(result.stack),
      exit_code: result.exitCode,
    };
  } catch (error) {
    if (error instanceof GetMethodError) {
      return { ...common, gas_used: Number(error.gasUsed), stack: [], exit_code: error.exitCode };
    }
    throw error;
  }
}

/** Runs the message on a copy of the chain's state. */
async function estimateFee(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const body = optionalCellParameter(parameters, 'body') ?? beginCell().endCell();
  const code = optionalCellParameter(parameters, 'init_code');
  const data = optionalCellParameter(parameters, 'init_data');
  const init = code && data ? { code, data } : undefined;
  if (init && !contractAddress(address.workChain, init).equals(address))
    throw badParameter('init_code', 'does not give this address');
  const account = await chain.account(address);
  const before = account.account;
  try {
    const ignoreChksig = parameters.ignore_chksig !== false && parameters.ignore_chksig !== 'false';
    const transaction = await account.receiveMessage(external({ to: address, body, init }), { ignoreChksig });
    const description = transaction.description;
    const generic = description.type === 'generic' ? description : undefined;
    const gas = generic?.computePhase.type === 'vm' ? generic.computePhase.gasFees : 0n;
    const storage = generic?.storagePhase?.storageFeesCollected ?? 0n;
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
  } catch {
    throw liteServerError('cannot estimate fees: External message was not accepted');
  } finally {
    account.account = before;
  }
}

async function sendBoc(chain: Chain, parameters: Parameters) {
  const message = await chain.sendBoc(bocParameter(parameters, 'boc'));
  return beginCell().store(storeMessage(message)).endCell().hash().toString('base64');
}

const shards = (chain: Chain, parameters: Parameters) => ({
  '@type': 'blocks.shards',
  shards: [blockIdExt(chain.options.networkId, 0, integerParameter(parameters, 'seqno', chain.seqno, 0, 2 ** 31))],
});

/** The configuration as it was read last: reading takes 50 ms, and it hardly ever changes. */
const read = new WeakMap<Blockchain, { config: string; parameters: Dictionary<number, Cell> }>();

function parametersOf(blockchain: Blockchain): Dictionary<number, Cell> {
  const config = blockchain.configBase64;
  const known = read.get(blockchain);
  if (known?.config === config) return known.parameters;
  const parameters = Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), blockchain.config);
  read.set(blockchain, { config, parameters });
  return parameters;
}

/** The methods of toncenter v2 that TonClient, Blueprint and wallets call. */
export const METHODS: Record<string, Method> = {
  getAddressInformation: async (chain, parameters) => {
    const { last, ...fields } = await accountFields(chain, addressParameter(parameters));
    return {
      '@type': 'raw.fullAccountState',
      ...fields,
      extra_currencies: [],
      last_transaction_id: { '@type': 'internal.transactionId', ...last },
      block_id: blockIdExt(chain.options.networkId, -1, chain.seqno),
      sync_utime: chain.now,
    };
  },
  getAddressBalance: async (chain, parameters) => (await accountFields(chain, addressParameter(parameters))).balance,
  getAddressState: async (chain, parameters) => (await accountFields(chain, addressParameter(parameters))).state,
  getMasterchainInfo: (chain) => ({
    '@type': 'blocks.masterchainInfo',
    last: blockIdExt(chain.options.networkId, -1, chain.seqno),
    state_root_hash: blockIdExt(chain.options.networkId, -1, chain.seqno).root_hash,
    init: blockIdExt(chain.options.networkId, -1, 0),
  }),
  getTransactions: (chain, parameters) => {
    const address = addressParameter(parameters);
    return page(chain, parameters).map((stored) => formatTransaction(stored, address));
  },
  getBlockTransactions: (chain, parameters) => {
    const seqno = integerParameter(parameters, 'seqno', chain.seqno, 0, 2 ** 31);
    const workchain = integerParameter(parameters, 'workchain', 0, -1, 0);
    const found = workchain === 0 ? chain.transactionsIn(seqno) : [];
    return {
      '@type': 'blocks.transactions',
      id: blockIdExt(chain.options.networkId, workchain, seqno),
      req_count: 1000,
      incomplete: false,
      transactions: found.map(({ transaction, hash }) => ({
        '@type': 'blocks.shortTxId',
        mode: 135,
        account: `0:${transaction.address.toString(16).padStart(64, '0')}`,
        lt: transaction.lt.toString(),
        hash: hash.toString('base64'),
      })),
    };
  },
  shards,
  getShards: shards,
  runGetMethod,
  estimateFee,
  sendBoc: async (chain, parameters) => {
    await sendBoc(chain, parameters);
    return { '@type': 'ok' };
  },
  sendBocReturnHash: async (chain, parameters) => ({
    '@type': 'raw.extMessageInfo',
    hash: await sendBoc(chain, parameters),
  }),
  tryLocateTx: (chain, parameters) => locate(chain, parameters, 'result'),
  tryLocateResultTx: (chain, parameters) => locate(chain, parameters, 'result'),
  tryLocateSourceTx: (chain, parameters) => locate(chain, parameters, 'source'),
  getConfigParam: (chain, parameters) => {
    const id = integerParameter(
      parameters,
      'config_id',
      integerParameter(parameters, 'param', 0, -1000, 1000),
      -1000,
      1000,
    );
    const value = parametersOf(chain.blockchain).get(id);
    if (!value) throw liteServerError(`configuration parameter ${id} not found`);
    return { '@type': 'configInfo', config: { '@type': 'tvm.cell', bytes: value.toBoc().toString('base64') } };
  },
  detectAddress: (_chain, parameters) => {
    const address = addressParameter(parameters);
    return {
      raw_form: address.toRawString(),
      bounceable: { b64: address.toString() },
      non_bounceable: { b64: address.toString({ bounceable: false }) },
    };
  },
  packAddress: (_chain, parameters) => addressParameter(parameters).toString(),
  unpackAddress: (_chain, parameters) => addressParameter(parameters).toRawString(),
};
