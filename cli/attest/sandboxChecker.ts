/** The contract QuoteChecker in a local sandbox: facts and gas of a quote, or the exit code of its refusal. */
import { TupleBuilder, toNano, type Cell } from '@ton/core';
import { Blockchain, createShardAccount, GetMethodError } from '@ton/sandbox';
import { loadTupleQuoteFacts } from '../../build/Suite/Suite_QuoteChecker';
import { INTEL_ROOT, QuoteChecker, type QuoteFacts } from '../../wrappers';

export type Verdict = { accepted: true; facts: QuoteFacts; gas: number } | { accepted: false; exitCode: number };

export class SandboxChecker {
  private constructor(private readonly chain: Blockchain, private readonly checker: QuoteChecker) {}

  static async create(root: { x: bigint; y: bigint } = INTEL_ROOT): Promise<SandboxChecker> {
    const chain = await Blockchain.create();
    const checker = await QuoteChecker.fromRoot(root);
    const { address, init: { code, data } } = checker;
    await chain.setShardAccount(address, createShardAccount({ address, code, data, balance: toNano('1'), workchain: 0 }));
    return new SandboxChecker(chain, checker);
  }

  async verify(body: Cell, now: number): Promise<Verdict> {
    const stack = new TupleBuilder();
    stack.writeCell(body);
    stack.writeNumber(now);
    try {
      const { stackReader, gasUsed } = await this.chain.runGetMethod(this.checker.address, 'facts', stack.build());
      return { accepted: true, facts: loadTupleQuoteFacts(stackReader), gas: Number(gasUsed) };
    } catch (error) {
      if (error instanceof GetMethodError) return { accepted: false, exitCode: error.exitCode };
      throw error;
    }
  }
}
