/** DrawCheck: which token was drawn, out of what. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Cell } from '@ton/core';
import { GREEDY, type Sampling } from '../../exact';
import { sha256 } from '../../exact/merkle';
import { pick } from '../../exact/reference/sampling';
import { drawEvidence } from '../../disputes/checks/draw';
import { checkOf, disputed, type Disputed, GOLDEN_MODELS, runOf } from './checks';
import { drawOf, headOf, logitsOf, SAMPLINGS, sourceOf, stepAt } from './headGroup';
import { mutated, randomOf } from './mutations';

const MODES: [string, Sampling][] = [['greedy', GREEDY], ...Object.entries(SAMPLINGS)];
const TOKEN = 12;
const PARTS = ['total', 'token'] as const;

const evidenceOf = (at: Disputed, part?: 'total' | 'token'): Cell => drawEvidence(sourceOf(at), at.run.job.sampling, at.bytes, part);

describe('a token', () => {
  let check: Awaited<ReturnType<typeof checkOf>>;
  const gas: Record<string, number> = {};
  const verdict = async (at: Disputed, part?: 'total' | 'token'): Promise<boolean | undefined> => {
    const said = await check(at.step, evidenceOf(at, part));
    const { t, topK } = at.run.job.sampling;
    const mode = t === 0 ? 'greedy' : topK > 0 ? 'top' : 'full';
    gas[mode] = Math.max(gas[mode] ?? 0, said.gas);
    return said.isWrong;
  };
  beforeAll(async () => {
    check = await checkOf('DrawCheck');
  });

  for (const [mode, sampling] of MODES) {
    it(`was drawn as it was, and not where a bit of what was kept, W or the token was changed: ${mode}`, async () => {
      for (const name of mode === 'full' ? GOLDEN_MODELS : GOLDEN_MODELS.slice(0, 1)) {
        const run = await runOf(name, { sampling });
        const isFull = sampling.t > 0 && sampling.topK === 0;
        for (let t = run.job.promptTokens - 1; t < run.positions.length; t++) {
          const honest = disputed(run, t, headOf(run), 'draw', 0);
          for (const part of PARTS) expect(await verdict(honest, part)).toBe(false);
        }
        const t = run.positions.length - 1;
        for (const byte of name === 'grouped' ? Array.from({ length: 16 }, (_, i) => i) : [3, 11, 15]) {
          const lie = disputed(run, t, headOf(run), 'draw', 0, (bytes) => (bytes[byte] ^= 1 << byte % 8));
          expect([byte, await verdict(lie, byte < TOKEN ? 'total' : 'token')]).toEqual([byte, true]);
          if (isFull && byte >= TOKEN) expect(await verdict(lie, 'total')).toBe(false);
          if (isFull && byte < 4) expect(await verdict(lie, 'token')).toBe(false);
        }
      }
    });

    it(`is the only one that is right, whatever the logits are: ${mode}`, async () => {
      const random = randomOf(43);
      const run = await runOf('grouped', { sampling });
      const { vocab } = run.model.config;
      const t = run.positions.length - 1;
      for (let round = 0; round < 6; round++) {
        const { leaves, inputs } = drawOf(run, logitsOf(vocab, round, random), stepAt(run, t));
        const token = leaves.draw.readUInt32BE(TOKEN);
        const of = (id: number): Disputed => disputed(run, t, headOf(run), 'draw', 0, (bytes) => {
          leaves.draw.copy(bytes);
          bytes.writeUInt32BE(id, TOKEN);
        }, inputs);
        const near = [token - 1, token + 1, random(vocab), vocab];
        for (const id of near.filter((one) => one >= 0 && one !== token)) expect([id, await verdict(of(id))]).toEqual([id, true]);
        for (const part of PARTS) expect(await verdict(of(token), part)).toBe(false);
      }
    });

    it(`is judged whatever the leaves before it say: ${mode}`, async () => {
      const run = await runOf('grouped', { sampling });
      const t = run.positions.length - 1;
      for (const fill of [0x00, 0xff]) {
        const names = sampling.t === 0 ? ['max', 'logits'] : ['max', 'logits', sampling.topK > 0 ? 'top' : 'sums'];
        const inputs = names.map((slot) => ({ slot, leaf: 0, change: (bytes: Buffer) => void bytes.fill(slot === 'logits' ? 255 - fill : fill) }));
        for (const own of [0x00, 0xff]) {
          for (const token of [77, 2 ** 32 - 1]) {
            const at = disputed(run, t, headOf(run), 'draw', 0, (bytes) => bytes.fill(own).writeUInt32BE(token, TOKEN), inputs);
            for (const part of PARTS) expect((await check(at.step, evidenceOf(at, part))).exitCode).toBeUndefined();
          }
        }
      }
    });
  }

  it('has a share with borders, and enough is kept at exactly the share of top-p', async () => {
    const random = randomOf(59);
    const base = await runOf('grouped', { sampling: { ...SAMPLINGS.top, topK: 16, topP16: 32768 } });
    const t = base.positions.length - 1;
    for (let round = 0; round < 5; round++) {
      const seed = Buffer.alloc(32, round);
      const run = { ...base, job: { ...base.job, sampling: { ...base.job.sampling, seed } } };
      const ids = [...new Set(Array.from({ length: 60 }, () => random(300)))].slice(0, 16);
      const list = ids.map((id) => ({ id, w: round === 0 ? 1 : random(3) }));
      const all = list.reduce((sum, { w }) => sum + w, 0);
      let kept = 0;
      let total = 0;
      do total += list[kept++].w;
      while (65536 * total < 32768 * all);
      const input = Buffer.concat([seed, Buffer.alloc(8)]);
      input.writeUInt32BE(stepAt(run, t), 36);
      const chosen = (BigInt(`0x${Buffer.from(sha256(input)).toString('hex', 0, 16)}`) * BigInt(total)) >> 128n;
      const token = pick(list.slice(0, kept).sort((a, b) => a.id - b.id), Number(chosen));
      const top = (bytes: Buffer): void => list.forEach(({ id, w }, n) => void (bytes.writeUInt32BE(id, 12 * n + 4), bytes.writeUInt32BE(w, 12 * n + 8)));
      const claim = (count: number, id: number): Disputed => disputed(run, t, headOf(run), 'draw', 0, (bytes) => {
        [count, 0, total, id].forEach((word, i) => bytes.writeUInt32BE(word, 4 * i));
      }, [{ slot: 'top', leaf: 0, change: top }]);
      expect(await verdict(claim(kept, token))).toBe(false);
      for (const count of [kept - 1, kept + 1]) expect(await verdict(claim(count, token))).toBe(true);
      for (const id of ids.filter((one) => one !== token)) expect([id, await verdict(claim(kept, id))]).toEqual([id, true]);
    }
  });

  it('follows from the number of tokens before it', async () => {
    for (const sampling of [SAMPLINGS.full, SAMPLINGS.top]) {
      const run = await runOf('wide', { sampling });
      const later = { ...run, job: { ...run.job, promptTokens: run.job.promptTokens - 1 } };
      const t = run.positions.length - 1;
      expect(await verdict(disputed(run, t, headOf(run), 'draw', 0))).toBe(false);
      const lies = [...run.positions.keys()].slice(run.job.promptTokens - 1).map((at) => disputed(later, at, headOf(run), 'draw', 0));
      expect(await Promise.all(lies.map((lie) => verdict(lie)))).toContain(true);
    }
    console.log(`DrawCheck: at most ${JSON.stringify(gas)} gas`);
  });

  it('is never wrong by evidence that was bent or belongs elsewhere', async () => {
    for (const [, sampling] of MODES.slice(0, 4)) {
      const run = await runOf('grouped', { sampling });
      const random = randomOf(47);
      const t = run.positions.length - 1;
      const honest = [disputed(run, t, headOf(run), 'draw', 0), disputed(run, t - 1, headOf(run), 'draw', 0), disputed(run, t, headOf(run), 'max', 0)];
      const evidence = honest.slice(0, 2).flatMap((at) => PARTS.map((part) => evidenceOf(at, part)));
      for (const { step } of honest) {
        for (const one of evidence) expect((await check(step, one)).isWrong).not.toBe(true);
        for (let n = 0; n < 10; n++) expect((await check(step, mutated(evidence[n % evidence.length], random))).isWrong).not.toBe(true);
      }
      expect(await check(honest[2].step, evidence[0])).toMatchObject({ exitCode: 925 });
    }
  });
});
