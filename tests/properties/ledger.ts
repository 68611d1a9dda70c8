import type { Address, Cell, Message, StateInit } from '@ton/core';
import type { Blockchain, BlockchainTransaction } from '@ton/sandbox';
import { sumFees } from '../support/fees';

export interface Internal {
  from: Address;
  to: Address;
  value: bigint;
  body: Cell;
  /** False when left out: what is refused then stays with the receiver. */
  bounce?: boolean;
  /** As if the receiver's own message came back. */
  bounced?: boolean;
  init?: StateInit;
}

export type Transactions = BlockchainTransaction[];

const receiverOf = ({ inMessage }: BlockchainTransaction): string => (inMessage!.info.dest as Address).toRawString();

/**
 * Sends messages and sees after each that no nanoTON came or went: accounts hold what they held and what the message
 * brought, less the fees. Messages come from outside, so that a wallet's own transaction need not be computed.
 */
export class Ledger {
  private readonly accounts = new Map<string, { address: Address; balance: bigint }>();

  constructor(readonly chain: Blockchain) {}

  /** Counts an account from now on; one that takes part without being counted fails the test. */
  async add(...addresses: Address[]): Promise<void> {
    for (const address of addresses) {
      this.accounts.set(address.toRawString(), { address, balance: await this.read(address) });
    }
  }

  /** Counts accounts from which their code is taken: nothing needs to be computed when they get something. */
  async addPlain(...addresses: Address[]): Promise<void> {
    for (const address of addresses) {
      const contract = await this.chain.getContract(address);
      const { account } = contract;
      account.account!.storage.state = { type: 'uninit' };
      contract.account = account;
    }
    await this.add(...addresses);
  }

  /** nanoTON of a counted account after the last message. */
  balance(address: Address): bigint {
    const account = this.accounts.get(address.toRawString());
    if (!account) throw new Error(`not counted: ${address.toRawString()}`);
    return account.balance;
  }

  /** Data of an account's state, null when there is none. */
  async data(address: Address): Promise<Cell | null> {
    const { accountState } = await this.chain.getContract(address);
    return accountState?.type === 'active' ? (accountState.state.data ?? null) : null;
  }

  async internal(message: Internal): Promise<Transactions> {
    const { transactions } = await this.chain.sendMessage(envelope(message));
    await this.settle(transactions, message.value);
    return transactions;
  }

  /**
   * The same, but after the receiver's own transaction everything stands still while `meanwhile` runs. Gives the
   * transactions of the message alone.
   */
  async interrupted(message: Internal, meanwhile: () => Promise<void>): Promise<Transactions> {
    const running = await this.chain.sendMessageIter(envelope(message), { allowParallel: true });
    const first = await running.next();
    const transactions: Transactions = [first.value as BlockchainTransaction];
    const onItsWay = [...transactions[0].outMessages.values()].reduce((sum, { info }) => {
      return info.type === 'internal' ? sum + info.value.coins : sum;
    }, 0n);
    await this.settle(transactions, message.value - onItsWay);
    await meanwhile();
    for await (const transaction of running) transactions.push(transaction);
    await this.settle(transactions.slice(1), onItsWay);
    return transactions;
  }

  /** The transactions, or the exit code of a refusal, which costs nothing; null when no account could say it. */
  async external(to: Address, body: Cell, init?: StateInit): Promise<{ refusal: number | null } | Transactions> {
    const before = await this.read(to);
    try {
      const message: Message = { info: { type: 'external-in', dest: to, importFee: 0n }, init, body };
      const { transactions } = await this.chain.sendMessage(message);
      await this.settle(transactions, 0n);
      return transactions;
    } catch (error) {
      if ((error as Error).constructor.name !== 'EmulationError') throw error;
      if ((await this.read(to)) !== before) throw new Error('a refused external message cost something');
      // 0 where there is money but no code.
      return { refusal: (error as { exitCode?: number }).exitCode || null };
    }
  }

  private async settle(transactions: Transactions, brought: bigint): Promise<void> {
    let gained = 0n;
    for (const touched of new Set(transactions.map(receiverOf))) {
      const account = this.accounts.get(touched);
      if (!account) throw new Error(`an account that is not counted took part: ${touched}`);
      const balance = await this.read(account.address);
      gained += balance - account.balance;
      account.balance = balance;
    }
    const fees = sumFees(transactions).totalNano;
    if (gained !== brought - fees) throw new Error(`${brought} nanoTON came, ${fees} are fees, ${gained} were gained`);
  }

  /** Every account anew: none changed behind the ledger's back. */
  async audit(): Promise<void> {
    for (const { address, balance } of this.accounts.values()) {
      const now = await this.read(address);
      if (now !== balance) throw new Error(`${address.toRawString()} holds ${now}, the ledger says ${balance}`);
    }
  }

  private async read(address: Address): Promise<bigint> {
    return (await this.chain.getContract(address)).balance;
  }
}

function envelope({ from, to, value, body, bounce = false, bounced = false, init }: Internal): Message {
  return {
    info: {
      type: 'internal',
      ihrDisabled: true,
      bounce,
      bounced,
      src: from,
      dest: to,
      value: { coins: value },
      ihrFee: 0n,
      forwardFee: 0n,
      createdLt: 0n,
      createdAt: 0,
    },
    init,
    body,
  };
}

/** Exit code of the account's own transaction, which is the first; null when it ran no code. */
export function exitCode([first]: Transactions): number | null {
  const { description } = first;
  if (description.type !== 'generic') throw new Error(`received a ${description.type} transaction`);
  return description.computePhase.type === 'vm' ? description.computePhase.exitCode : null;
}
