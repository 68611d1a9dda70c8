/** A provider that is about to be convicted, and convicts itself first through friends, or has a friend's sham case acquit it. */
import { MOVE_FEES } from './fees';
import { burntOf, LEAST_STAKE, leftOf, takenOf } from './rules';

/** TON lost of the least stake when so many lies are found, by who brings the convictions. */
export interface FoundLies {
  lies: number;
  byStrangers: number;
  byItself: number;
  /** Itself as often as there are lies, and about other jobs: the strangers' verdicts follow. */
  byItselfThenStrangers: number;
  /** A friend opens a case about each and is silent; the strangers' verdicts follow. */
  afterShamCases: number;
}

/** Convictions one after the other, each of what the last has left. @param lossOf TON for good of a stake of so many */
function convictions(stake: number, times: number, lossOf: (stake: number) => number): { lost: number; left: number } {
  let [lost, left] = [0, stake];
  for (let i = 0; i < times; i++) {
    lost += lossOf(left);
    left = leftOf(left);
  }
  return { lost, left };
}

export function foundLies(lies: number, stake = LEAST_STAKE): FoundLies {
  const byItself = convictions(stake, lies, burntOf);
  const byStrangers = convictions(stake, lies, takenOf).lost;
  return {
    lies,
    byStrangers,
    byItself: byItself.lost,
    byItselfThenStrangers: byItself.lost + convictions(byItself.left, lies, takenOf).lost,
    // The bond comes back to the owner; the fees of both sides do not.
    afterShamCases: byStrangers + lies * (MOVE_FEES.opening + MOVE_FEES.reveal),
  };
}
