import { type Address, type Cell, type Message } from '@ton/core';
import type { StoredTransaction } from './chain';

const text = (address: Address | null | undefined): string => address?.toString() ?? '';

function formatBody(body: Cell) {
  return { '@type': 'msg.dataRaw', body: body.toBoc().toString('base64'), init_state: '' };
}

/** A message as toncenter v2 answers it. */
function formatMessage(message: Message) {
  const { info, body } = message;
  const internal = info.type === 'internal';
  return {
    '@type': 'raw.message',
    source: info.type === 'external-in' ? '' : text(info.src),
    destination: info.type === 'external-out' ? '' : text(info.dest),
    value: internal ? info.value.coins.toString() : '0',
    fwd_fee: internal ? info.forwardFee.toString() : '0',
    ihr_fee: internal ? info.ihrFee.toString() : '0',
    created_lt: info.type === 'external-in' ? '0' : info.createdLt.toString(),
    body_hash: body.hash().toString('base64'),
    msg_data: formatBody(body),
    message: '',
  };
}

/** A transaction as toncenter v2 answers it; `data` is the whole transaction as a bag of cells. */
export function formatTransaction({ transaction, hash, boc }: StoredTransaction, address: Address) {
  const description = transaction.description;
  const storage = description.type === 'generic' ? (description.storagePhase?.storageFeesCollected ?? 0n) : 0n;
  return {
    '@type': 'raw.transaction',
    address: { '@type': 'accountAddress', account_address: address.toString() },
    utime: transaction.now,
    data: boc.toString('base64'),
    transaction_id: { '@type': 'internal.transactionId', lt: transaction.lt.toString(), hash: hash.toString('base64') },
    fee: transaction.totalFees.coins.toString(),
    storage_fee: storage.toString(),
    other_fee: (transaction.totalFees.coins - storage).toString(),
    in_msg: transaction.inMessage ? formatMessage(transaction.inMessage) : undefined,
    out_msgs: [...transaction.outMessages.values()].map(formatMessage),
  };
}
