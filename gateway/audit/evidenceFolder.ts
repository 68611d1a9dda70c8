import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '../../protocol';
import { ensurePrivateFolder, fileSystemError, syncFolder, writePrivateFile } from '../../worker/dataFolder';
import type { DrawnAnswer } from './auditStore';
import { type Evidence, parseEvidence, type WrongAnswer } from './evidence';

/** `<stake>-<channel>-<number>.json`: whose it is can be told without reading it. */
const NAME = /^([0-9a-f]{64})-([0-9a-f]{64}-\d+)\.json$/;

/**
 * Evidence, one private file (0600) each, whole or not there: `audits/evidence/` for what was confirmed, `audits/unconfirmed/` for differences that
 * one run saw and another has yet to confirm. The files hold prompts and answers.
 */
export class EvidenceFolder {
  private readonly counts = new Map<string, number>();

  private constructor(
    private readonly kept: string,
    private readonly waiting: string,
  ) {
    for (const { stake, reference } of this.list()) {
      this.counts.set(stake, this.count(stake) + 1);
      // Kept, and then the end came.
      rmSync(join(waiting, fileName(stake, reference)), { force: true });
    }
  }

  static open(folder: string): EvidenceFolder {
    const [kept, waiting] = [join(folder, 'evidence'), join(folder, 'unconfirmed')];
    for (const path of [kept, waiting]) ensurePrivateFolder(path);
    return new EvidenceFolder(kept, waiting);
  }

  /** Keeps a difference that one run saw, until `confirm` or `dismiss`. @throws StorageError */
  suspect(evidence: WrongAnswer): void {
    writePrivateFile(this.pathIn(this.waiting, evidence), documentOf(evidence));
  }

  /** Keeps evidence for good; answers its path. @throws StorageError */
  keep(evidence: Evidence): string {
    const path = this.pathIn(this.kept, evidence);
    const isNew = !existsSync(path);
    writePrivateFile(path, documentOf(evidence));
    if (isNew) this.counts.set(evidence.stake, this.count(evidence.stake) + 1);
    this.dismiss(evidence);
    return path;
  }

  /** Forgets a difference that was not confirmed. */
  dismiss(evidence: Evidence): void {
    rmSync(this.pathIn(this.waiting, evidence), { force: true });
    syncFolder(this.waiting);
  }

  /** Differences that wait for a second run. A file that cannot be read is left where it is. */
  suspicions(): WrongAnswer[] {
    return this.filesIn(this.waiting).flatMap(({ stake, reference }) => {
      try {
        const evidence = this.read(join(this.waiting, fileName(stake, reference)));
        return evidence.kind === 'wrong-answer' ? [evidence] : [];
      } catch {
        return [];
      }
    });
  }

  /** What is kept, by file name. */
  list(): { file: string; stake: string; reference: string }[] {
    return this.filesIn(this.kept).map(({ stake, reference }) => ({ file: join(this.kept, fileName(stake, reference)), stake, reference }));
  }

  /** @throws EvidenceError, StorageError */
  read(path: string): Evidence {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (cause) {
      throw fileSystemError(cause, path, 'cannot read evidence');
    }
    return parseEvidence(text);
  }

  /** Pieces of evidence against a stake, in hex. */
  count(stake: string): number {
    return this.counts.get(stake) ?? 0;
  }

  stakes(): string[] {
    return [...this.counts.keys()];
  }

  holds({ stake, reference }: DrawnAnswer): 'kept' | 'unconfirmed' | undefined {
    const name = fileName(toHex(stake), reference);
    if (existsSync(join(this.kept, name))) return 'kept';
    return existsSync(join(this.waiting, name)) ? 'unconfirmed' : undefined;
  }

  private pathIn(folder: string, { stake, reference }: Evidence): string {
    return join(folder, fileName(stake, reference));
  }

  private filesIn(folder: string): { stake: string; reference: string }[] {
    return readdirSync(folder).sort().flatMap((name) => {
      const match = NAME.exec(name);
      return match === null ? [] : [{ stake: match[1], reference: match[2] }];
    });
  }
}

const fileName = (stake: string, reference: string): string => `${stake}-${reference}.json`;
const documentOf = (evidence: Evidence): string => `${JSON.stringify(evidence, null, 1)}\n`;
