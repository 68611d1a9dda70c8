/** The contracts' checks in a local sandbox: what they would say of evidence, before the chain is asked. */
import { Address, Cell, toNano, type TupleItem } from '@ton/core';
import { Blockchain, createShardAccount, GetMethodError } from '@ton/sandbox';
import { checkCode, type CheckName, RECEIPT_CHECK_NAMES, type ReceiptCheckName } from './checkTree';
import type { Judge } from './refute';

export async function localJudge(): Promise<Judge> {
  const chain = await Blockchain.create({ config: 'slim' });
  const placed = new Map<CheckName | ReceiptCheckName, Address>();
  return async (check, about, evidence) => {
    let address = placed.get(check);
    if (address === undefined) {
      address = new Address(0, Buffer.alloc(32, placed.size + 1));
      const code = checkCode(check);
      await chain.setShardAccount(address, createShardAccount({ address, code, data: Cell.EMPTY, balance: toNano(1) }));
      placed.set(check, address);
    }
    const args: TupleItem[] = [{ type: 'cell', cell: about }, { type: 'cell', cell: evidence }];
    try {
      return (await chain.runGetMethod(address, isOfReceipts(check) ? 'isLie' : 'isWrong', args)).stackReader.readBoolean();
    } catch (error) {
      if (error instanceof GetMethodError) return null;
      throw error;
    }
  };
}

const isOfReceipts = (check: string): boolean => (RECEIPT_CHECK_NAMES as readonly string[]).includes(check);
