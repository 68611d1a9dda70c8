/** What the prover's own process runs: one key, proofs one after the other, until whoever started it lets go. */
import { readFileSync } from 'node:fs';
import { CocoonError } from '../../protocol/errors';
import type { Answer, Question } from './proverProcess';
import { Prover } from './prover';
import { readProvingKey } from './zkey';

let prover: Prover | undefined;

async function answer(question: Question): Promise<Answer> {
  try {
    if (question.kind === 'key') {
      prover = new Prover(readProvingKey(typeof question.key === 'string' ? readFileSync(question.key) : question.key), { threads: question.threads });
      return { kind: 'ready' };
    }
    const proven = await prover!.prove(question.witness);
    return { kind: 'proven', ...proven, peakRssMb: process.resourceUsage().maxRSS / 1024 };
  } catch (error) {
    // Messages of what is not typed might say anything; the witness stays here.
    return error instanceof CocoonError
      ? { kind: 'refused', code: error.code, shortMessage: error.shortMessage, expected: error.expected, received: error.received, hint: error.hint }
      : { kind: 'refused', code: 'prover.failed', shortMessage: 'the prover failed', received: (error as NodeJS.ErrnoException)?.code ?? (error as Error)?.name };
  } finally {
    if (question.kind === 'prove') question.witness.fill(0);
  }
}

process.on('message', (question: Question) => {
  void answer(question).then((answered) => process.send!(answered));
});
process.on('disconnect', () => process.exit(0));
