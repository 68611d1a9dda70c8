/** tests/tact/P256Probe.tact in a sandbox: the gas of a check, or the exit code of its refusal. */
import { beginCell, contractAddress, TupleBuilder, toNano, type Address, type Cell } from '@ton/core';
import { type Blockchain, createShardAccount, GetMethodError } from '@ton/sandbox';
import { probeCode } from './compileTact';
import type { P256Key } from '../../attest/p256';
import { createSandbox } from './sandbox';

export class P256Probe {
  private constructor(private readonly chain: Blockchain, private readonly address: Address) {}

  static async create(): Promise<P256Probe> {
    const code = await probeCode('tests/tact/P256Probe.tact', 'P256Probe');
    const chain = await createSandbox();
    const data = beginCell().endCell();
    const address = contractAddress(0, { code, data });
    await chain.setShardAccount(address, createShardAccount({ address, code, data, balance: toNano('1'), workchain: 0 }));
    return new P256Probe(chain, address);
  }

  /** Gas, or minus the exit code. */
  async verify(digest: bigint, key: P256Key, proof: Cell): Promise<number> {
    const stack = new TupleBuilder();
    for (const x of [digest, key.x, key.y]) stack.writeNumber(x);
    stack.writeCell(proof);
    try {
      const { stackReader } = await this.chain.runGetMethod(this.address, 'verify', stack.build());
      return stackReader.readNumber();
    } catch (error) {
      if (error instanceof GetMethodError) return -error.exitCode;
      throw error;
    }
  }
}
