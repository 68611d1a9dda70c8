import fs from 'node:fs';
import path from 'node:path';

const root = path.join(__dirname, '../..');

/** Findings of the protocol's adversarial review, and for those without a test, why. */
const FINDINGS: [finding: number, attack: string, without?: string][] = [
  [1, 'streaming or a retry looks like cheating'],
  [2, 'another request under the same escrow'],
  [3, 'a copied sealed request is a decryption oracle'],
  [4, 'paid for unreadable bytes'],
  [5, 'contracts can neither seal nor read'],
  [6, 'short prompts and answers are guessed from commitments'],
  [7, 'the worker defines the request'],
  [8, 'truncated answers are correct'],
  [9, 'a bonded worker labels its receipt attested'],
  [10, 'who chooses the sampling seed'],
  [11, 'the same addresses on every network'],
  [12, 'which client, which stake'],
  [13, 'one signature or two'],
  [14, 'a key listed by two owners'],
  [15, 'exit before the slash'],
  [16, 'eviction frees the guilty'],
  [17, 'one stake behind many jobs'],
  [18, 'slashing oneself first'],
  [19, 'a sham challenge acquits'],
  [20, 'signed after the key ended'],
  [21, 'accepted but undelivered, as a trap for workers'],
  [22, 'watchers cannot watch sealed jobs', 'said in the [trust matrix](trust-matrix.md)'],
  [23, 'evidence is copied from the mempool'],
  [24, 'a record is free to forge', 'nothing on chain counts settled jobs'],
  [25, 'a worker that ignores a job locks the price'],
  [26, 'bonded prompts for sale at one bond'],
  [27, 'a crafted model frames honest workers'],
  [28, 'a missing turn in the dispute game'],
  [29, 'honest workers that lose by silence'],
  [30, 'honest challengers that lose more than gas'],
  [31, 'the size of the bond', 'comes with slashing by re-computation'],
  [32, 'receipts for arithmetic that the stake cannot judge'],
  [33, 'tokenisation is outside the proof'],
  [34, 'faulty hardware'],
  [35, 'the attestation ring cannot return money'],
  [36, 'circular initOf'],
  [37, 'a fake stake'],
  [38, 'a channel claim is all or nothing'],
  [39, 'a lost worker key strands earnings'],
  [40, 'a cooperative close with nothing owed'],
  [41, 'mode +2 swallows the payment'],
  [42, 'a callback that throws or bounces'],
  [43, 'an output of 60 KB'],
  [44, 'prefill is paid work before the first chunk'],
  [45, 'accountable slots and restarts'],
  [46, 'one verifier for everybody'],
  [47, 'rent of accounts that live for years'],
  [48, 'an attested CPU with a plain GPU'],
  [49, 'the sealing key comes from the descriptor'],
  [50, 'revocation and cached records'],
  [51, 'early collateral as a weapon'],
  [52, 'capture of the governing set'],
  [53, 'freshness in minutes'],
  [54, 'an enclave that keeps money', 'a rule of the image (guest-image.md): its disk is memory, its keys are of one boot'],
  [55, 'silent downgrade of the tier', 'comes with the gateway'],
  [56, 'proven for some input'],
  [57, 'anyone may answer a proof job'],
  [58, 'caps for development keys'],
];

/** Test titles by the finding that they name: "finding 21: ...", "findings 40 and 42: ...", "attack 3: ...". */
export function testsByFinding(): Map<number, string[]> {
  const found = new Map<number, string[]>();
  const files = (fs.readdirSync(path.join(root, 'tests'), { recursive: true }) as string[])
    .filter((file) => /\.(spec|test)\.ts$/.test(file))
    .sort();
  for (const file of files) {
    const text = fs.readFileSync(path.join(root, 'tests', file), 'utf8');
    for (const [, , title] of text.matchAll(/\b(?:it|test)(?:\.each\([\s\S]*?\))?\(\s*(['"`])((?:\\.|(?!\1).)*)\1/g)) {
      for (const [, numbers] of title.matchAll(/\b(?:findings?|attacks?) ((?:\d+)(?:(?:, | and )\d+)*)/gi)) {
        for (const number of numbers.match(/\d+/g)!.map(Number)) {
          found.set(number, [...(found.get(number) ?? []), `${file.replace(/\.(spec|test)\.ts$/, '')}`]);
        }
      }
    }
  }
  return found;
}

export interface Finding {
  number: number;
  attack: string;
  /** Test files with the number of tests that name the finding. */
  tests: string[];
  without?: string;
}

export function findings(): Finding[] {
  const tests = testsByFinding();
  return FINDINGS.map(([number, attack, without]) => {
    const files = tests.get(number) ?? [];
    const counted = [...new Set(files)].map((file) => {
      const count = files.filter((other) => other === file).length;
      return count === 1 ? `\`${file}\`` : `\`${file}\` (${count})`;
    });
    return { number, attack, tests: counted, without };
  });
}
