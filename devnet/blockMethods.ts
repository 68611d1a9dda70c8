import { WHOLE_SHARD } from './blocks';
import type { Chain } from './chain';
import { cannotParse, invalid, liteServerError } from './errors';
import { integerParameter, optionalHash, optionalInteger, optionalLt, type Parameters } from './parameters';

const SEQNO = { low: 1, high: 2 ** 31 - 1 };

export function getMasterchainInfo(chain: Chain) {
  const last = chain.block(-1, chain.seqno);
  return {
    '@type': 'blocks.masterchainInfo',
    last,
    state_root_hash: last.root_hash,
    init: { ...last, seqno: 0, root_hash: EMPTY_HASH, file_hash: EMPTY_HASH },
  };
}

const EMPTY_HASH = Buffer.alloc(32).toString('base64');

/** The basechain's one shard, whose blocks have the masterchain's numbers. */
export function shards(chain: Chain, parameters: Parameters) {
  return { '@type': 'blocks.shards', shards: [chain.block(0, integerParameter(parameters, 'seqno', SEQNO))] };
}

export function lookupBlock(chain: Chain, parameters: Parameters) {
  const workchain = workchainOf(parameters);
  const seqno = optionalInteger(parameters, 'seqno', SEQNO);
  const lt = optionalLt(parameters, 'lt');
  const unixTime = optionalInteger(parameters, 'unixtime', { low: 1, high: 2 ** 32 - 1 });
  if (lt === 0n) throw invalid('lt should be positive');
  if ([seqno, lt, unixTime].filter((value) => value !== undefined).length !== 1) {
    throw invalid('exactly one of seqno, lt, unixtime should be specified');
  }
  const found = seqno ?? chain.findBlock(lt !== undefined ? { lt } : { unixTime: unixTime! });
  return chain.block(workchain, found);
}

export function getBlockTransactions(chain: Chain, parameters: Parameters) {
  const workchain = workchainOf(parameters);
  const id = chain.block(workchain, integerParameter(parameters, 'seqno', SEQNO));
  const count = integerParameter(parameters, 'count', { low: 1, high: 10_000, fallback: 40 });
  const afterLt = optionalLt(parameters, 'after_lt');
  const afterAccount = optionalHash(parameters, 'after_hash');
  if ((afterLt === undefined) !== (afterAccount === undefined)) {
    throw invalid('after_lt and after_hash should be used together');
  }
  const all = chain.transactionsIn(id.seqno).filter(({ account }) => account.workChain === workchain);
  const start =
    afterAccount === undefined
      ? 0
      : 1 + all.findIndex(({ account, transaction: { lt } }) => lt === afterLt && account.hash.equals(afterAccount));
  if (afterAccount !== undefined && start === 0) throw liteServerError('no such transaction in this block');
  return {
    '@type': 'blocks.transactions',
    id,
    req_count: count,
    incomplete: all.length > start + count,
    transactions: all.slice(start, start + count).map(({ account, transaction, hash }) => ({
      '@type': 'blocks.shortTxId',
      mode: 135,
      account: `${account.workChain}:${account.hash.toString('hex').toUpperCase()}`,
      lt: transaction.lt.toString(),
      hash: hash.toString('base64'),
    })),
  };
}

function workchainOf(parameters: Parameters): number {
  const workchain = integerParameter(parameters, 'workchain', { low: -1, high: 0 });
  const { shard } = parameters;
  if (typeof shard !== 'string' && typeof shard !== 'number') throw cannotParse('shard');
  // A number of this size has lost its last digits in JSON.
  if (String(shard) !== WHOLE_SHARD && Number(shard) !== Number(WHOLE_SHARD)) {
    throw liteServerError(`no shard ${String(shard).slice(0, 40)}, there is one only`, 'NOTREADY');
  }
  return workchain;
}
