import { type Address, beginCell, type Cell, type Message, storeMessage, storeStateInit } from '@ton/core';
import type { Chain, StoredTransaction } from './chain';
import { ApiError, invalid, liteServerError } from './errors';
import { addressParameter, integerParameter, optionalHash, optionalLt, type Parameters } from './parameters';

/** The transactions before (and with) a given one, newest first. */
export function getTransactions(chain: Chain, parameters: Parameters) {
  const address = addressParameter(parameters);
  const limit = integerParameter(parameters, 'limit', { low: 1, high: 1000, fallback: 10 });
  // As toncenter has it, 0 is none.
  const lt = optionalLt(parameters, 'lt') || undefined;
  const hash = optionalHash(parameters, 'hash');
  const toLt = optionalLt(parameters, 'to_lt') ?? 0n;
  if ((lt === undefined) !== (hash === undefined)) throw invalid('lt and hash should be used together');
  const all = chain.transactionsOf(address);
  const start = lt === undefined ? 0 : all.findIndex(({ transaction }) => transaction.lt === lt);
  if (start < 0) throw liteServerError('cannot locate transaction in block with specified logical time');
  if (hash !== undefined && !all[start].hash.equals(hash)) throw liteServerError('transaction hash mismatch');
  return all
    .slice(start, start + limit)
    .filter(({ transaction }) => transaction.lt > toLt)
    .map(formatTransaction);
}

/** The transaction that a message caused, or that it came from. */
export function locate(chain: Chain, parameters: Parameters, side: 'result' | 'source') {
  const source = addressParameter(parameters, 'source');
  const destination = addressParameter(parameters, 'destination');
  const createdLt = optionalLt(parameters, 'created_lt');
  if (createdLt === undefined) throw invalid('created_lt is required');
  const isIt = (message: Message | null | undefined): boolean => {
    if (message?.info.type !== 'internal') return false;
    const { src, dest, createdLt: lt } = message.info;
    return src.equals(source) && dest.equals(destination) && lt === createdLt;
  };
  const found =
    side === 'result'
      ? chain.transactionsOf(destination).find(({ transaction }) => isIt(transaction.inMessage))
      : chain.transactionsOf(source).find(({ transaction }) => [...transaction.outMessages.values()].some(isIt));
  if (found === undefined) throw new ApiError(404, 'transaction was not found');
  return formatTransaction(found);
}

/** A transaction as toncenter v2 answers it; `data` is the whole transaction as a bag of cells. */
export function formatTransaction({ account, transaction, hash, boc }: StoredTransaction) {
  const { description, totalFees } = transaction;
  const storage = description.type === 'generic' ? (description.storagePhase?.storageFeesCollected ?? 0n) : 0n;
  return {
    '@type': 'ext.transaction',
    address: { '@type': 'accountAddress', account_address: account.toString() },
    account: `${account.workChain}:${account.hash.toString('hex').toUpperCase()}`,
    utime: transaction.now,
    data: boc.toString('base64'),
    transaction_id: { '@type': 'internal.transactionId', lt: transaction.lt.toString(), hash: hash.toString('base64') },
    fee: totalFees.coins.toString(),
    storage_fee: storage.toString(),
    other_fee: (totalFees.coins - storage).toString(),
    in_msg: transaction.inMessage ? formatMessage(transaction.inMessage) : undefined,
    out_msgs: [...transaction.outMessages.values()].map(formatMessage),
  };
}

const text = (address: Address | null | undefined): string => address?.toString() ?? '';
const base64 = (cell: Cell): string => cell.toBoc().toString('base64');

function formatMessage(message: Message) {
  const { info, body, init } = message;
  const internal = info.type === 'internal';
  const cell = beginCell().store(storeMessage(message)).endCell();
  const comment = commentOf(body);
  return {
    '@type': 'ext.message',
    hash: cell.hash().toString('base64'),
    source: info.type === 'external-in' ? '' : text(info.src),
    destination: info.type === 'external-out' ? '' : text(info.dest),
    value: internal ? info.value.coins.toString() : '0',
    extra_currencies: [],
    fwd_fee: internal ? info.forwardFee.toString() : '0',
    ihr_fee: internal ? info.ihrFee.toString() : '0',
    created_lt: info.type === 'external-in' ? '0' : info.createdLt.toString(),
    body_hash: body.hash().toString('base64'),
    msg_data:
      comment === null
        ? {
            '@type': 'msg.dataRaw',
            body: base64(body),
            init_state: init ? base64(beginCell().store(storeStateInit(init)).endCell()) : '',
          }
        : { '@type': 'msg.dataText', text: Buffer.from(comment).toString('base64') },
    message: comment ?? '',
  };
}

/** The text of a message that is one, as wallets send them. */
function commentOf(body: Cell): string | null {
  try {
    const reader = body.beginParse();
    return reader.remainingBits >= 32 && reader.loadUint(32) === 0 ? reader.loadStringTail() : null;
  } catch {
    return null;
  }
}
