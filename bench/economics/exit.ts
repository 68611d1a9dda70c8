/** A provider that lies at the end and withdraws before anybody brings it to a verdict (attacks 15). */
import { Random } from './random';
import { KEY_REMOVAL_DAYS, LEAST_STAKE, LONGEST_JOB_DAYS, takenOf, THAW_DAYS, WINDOW_DAYS } from './rules';

/** A thaw as long as the window alone, to compare with. */
const SHORT_THAW_DAYS = WINDOW_DAYS;

export interface Exit {
  thawDays: number;
  /** Days between the last moment at which a case about the last receipt can be opened and the first at which stake can be withdrawn. */
  marginDays: number;
  /** Share of runs in which the stake was gone before the case. */
  escaped: number;
  /** The same, were the thaw no longer than the window. */
  escapedAfterShortThaw: number;
  /** TON lost by a lie about the last answer, of the least stake and three times as much that thaws: in the first days, and in the last. */
  lostEarly: number;
  lostLate: number;
}

/** The key ends an hour after its removal, which comes with the thaw; the last answer may be dated then, and any day of the window is the challenge's. */
function escapes(thawDays: number, random: Random, runs: number): number {
  let escaped = 0;
  for (let run = 0; run < runs; run++) {
    const lastReceipt = random.next() * Math.max(KEY_REMOVAL_DAYS, LONGEST_JOB_DAYS);
    const opened = lastReceipt + random.next() * WINDOW_DAYS;
    // From then on nothing is withdrawn until the verdict.
    if (thawDays < opened) escaped++;
  }
  return escaped / runs;
}

export function exit(random: Random, runs: number): Exit {
  return {
    thawDays: THAW_DAYS,
    marginDays: THAW_DAYS - LONGEST_JOB_DAYS - WINDOW_DAYS,
    escaped: escapes(THAW_DAYS, random, runs),
    escapedAfterShortThaw: escapes(SHORT_THAW_DAYS, random, runs),
    lostEarly: takenOf(4 * LEAST_STAKE),
    lostLate: takenOf(LEAST_STAKE),
  };
}
