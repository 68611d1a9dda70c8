/** The contracts that verify quotes and keep collateral in a local sandbox: what they make of a quote, or the exit code of their refusal. */
import { TupleBuilder, toNano, type Address, type Cell } from '@ton/core';
import { Blockchain, createShardAccount, GetMethodError, internal } from '@ton/sandbox';
import { loadTupleQuoteFacts } from '../../build/Suite/Suite_QuoteChecker';
import type { CollateralCells } from '../../attest/collateralCells';
import {
  Collateral, COLLATERAL_POSTS, type CollateralAnswer, type CollateralPart, INTEL_ROOT, platformFacts, QuoteChecker, type QuoteFacts, type RootKey,
} from '../../wrappers';

export type Verdict = { accepted: true; facts: QuoteFacts; gas: number } | { accepted: false; exitCode: number };

export class SandboxChecker {
  private constructor(
    private readonly chain: Blockchain, private readonly checker: Address, private readonly root: RootKey,
  ) {}

  static async create(root: RootKey = INTEL_ROOT): Promise<SandboxChecker> {
    const chain = await Blockchain.create({ config: 'slim' });
    const { address, init: { code, data } } = await QuoteChecker.fromRoot(root);
    await chain.setShardAccount(address, createShardAccount({ address, code, data, balance: toNano('1'), workchain: 0 }));
    return new SandboxChecker(chain, address, root);
  }

  async verify(body: Cell, now: number): Promise<Verdict> {
    const stack = new TupleBuilder();
    stack.writeCell(body);
    stack.writeNumber(now);
    try {
      const { stackReader, gasUsed } = await this.chain.runGetMethod(this.checker, 'facts', stack.build());
      return { accepted: true, facts: loadTupleQuoteFacts(stackReader), gas: Number(gasUsed) };
    } catch (error) {
      if (error instanceof GetMethodError) return { accepted: false, exitCode: error.exitCode };
      throw error;
    }
  }

  /** Posts collateral to a new account at `now`, which then judges the platform of a verified quote. */
  async judge(
    cells: CollateralCells, facts: QuoteFacts, now: number,
  ): Promise<CollateralAnswer | { refused: CollateralPart; exitCode: number }> {
    const start = this.chain.snapshot();
    try {
      return await this.judgeByNewAccount(cells, facts, now);
    } finally {
      await this.chain.loadFrom(start);
    }
  }

  private async judgeByNewAccount(
    cells: CollateralCells, facts: QuoteFacts, now: number,
  ): Promise<CollateralAnswer | { refused: CollateralPart; exitCode: number }> {
    this.chain.now = now;
    const account = this.chain.openContract(await Collateral.fromScope({
      registry: this.checker, root: this.root, fmspc: facts.platform.fmspc, isProcessorCa: facts.isProcessorCa,
    }));
    for (const [part, pack] of Object.entries(COLLATERAL_POSTS)) {
      const { transactions } = await this.chain.sendMessage(internal({
        from: this.checker, to: account.address, value: toNano('2'), bounce: true, body: pack(cells), stateInit: account.init,
      }));
      const { description } = transactions[0];
      const exitCode = description.type === 'generic' && description.computePhase.type === 'vm' ? description.computePhase.exitCode : -1;
      if (exitCode !== 0) return { refused: part as CollateralPart, exitCode };
    }
    return account.getJudged(platformFacts(facts));
  }
}
