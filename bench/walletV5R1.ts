import { type Address, external, type MessageRelaxed, SendMode, toNano, type Transaction } from '@ton/core';
import { type KeyPair, keyPairFromSeed } from '@ton/crypto';
import type { Blockchain, SandboxContract, TreasuryContract } from '@ton/sandbox';
import { WalletContractV5R1 } from '@ton/ton';

/** A deployed wallet v5r1 with money. */
export class WalletV5R1 {
  private constructor(
    readonly contract: WalletContractV5R1,
    private readonly key: KeyPair,
    private readonly chain: Blockchain,
  ) {}

  static async create(chain: Blockchain, funder: SandboxContract<TreasuryContract>, seed: number): Promise<WalletV5R1> {
    const key = keyPairFromSeed(Buffer.alloc(32, seed));
    const contract = WalletContractV5R1.create({ publicKey: key.publicKey });
    const wallet = new WalletV5R1(contract, key, chain);
    await funder.send({ to: contract.address, value: toNano('100'), bounce: false });
    await wallet.send([]);
    return wallet;
  }

  get address(): Address {
    return this.contract.address;
  }

  async send(messages: MessageRelaxed[]): Promise<Transaction[]> {
    const opened = this.chain.openContract(this.contract);
    const body = this.contract.createTransfer({
      seqno: await opened.getSeqno(),
      secretKey: this.key.secretKey,
      messages,
      sendMode: SendMode.PAY_GAS_SEPARATELY + SendMode.IGNORE_ERRORS,
      timeout: this.chain.now! + 60,
    });
    const deployed = (await this.chain.getContract(this.address)).accountState?.type === 'active';
    const init = deployed ? undefined : this.contract.init;
    return (await this.chain.sendMessage(external({ to: this.address, init, body }))).transactions;
  }
}
