/**
 * Search for freedom that a circuit should not leave: a prover who can change wires without breaking a constraint may prove what is not
 * so. What is found is a defect; finding nothing is no proof of soundness.
 */
import { FIELD_MODULUS, toField } from './field';
import { evaluate, holds, type R1cs, type Term } from './r1cs';

/** What each wire becomes, one after the other: the other bit, the next element, and one far away. */
const CHANGES: readonly ((x: bigint) => bigint)[] = [
  (x) => (x < 2n ? 1n - x : toField(x + 1n)),
  (x) => toField(x - 1n),
  (x) => toField(x * 0x9e3779b97f4a7c15n + 0x1234567890abcdefn),
];

/** Constraints by the wires that stand in them. */
function usesOf({ wires, constraints }: R1cs): number[][] {
  const uses: number[][] = Array.from({ length: wires }, () => []);
  constraints.forEach((forms, at) => new Set(forms.flat().map(([wire]) => wire)).forEach((wire) => uses[wire].push(at)));
  return uses;
}

/**
 * Groups of wires that can change together while all constraints hold: each wire of a group by each change, public ones too.
 * @param witness that satisfies all constraints
 * @param groups wires to change together; each wire alone when left out
 */
export function freeGroups(r1cs: R1cs, witness: readonly bigint[], groups: Iterable<readonly number[]> = alone(r1cs)): number[][] {
  const uses = usesOf(r1cs);
  const changed = [...witness];
  const free: number[][] = [];
  for (const group of groups) {
    const touched = [...new Set(group.flatMap((wire) => uses[wire]))];
    const isFree = CHANGES.some((change) => {
      group.forEach((wire) => (changed[wire] = change(witness[wire])));
      return touched.every((at) => holds(r1cs.constraints[at], changed));
    });
    if (isFree) free.push([...group]);
    group.forEach((wire) => (changed[wire] = witness[wire]));
  }
  return free;
}

function* alone({ wires }: R1cs): Iterable<number[]> {
  for (let wire = 1; wire < wires; wire++) yield [wire];
}

/**
 * Wires that the given ones leave a direction to move in, any number of them at once: the constraints, made linear at this witness,
 * are solved wire by wire. None left means that no other witness lies beside this one.
 * @param given wires that the prover chooses: input, salt, context, hidden weights
 */
export function movableWires(r1cs: R1cs, witness: readonly bigint[], given: readonly number[]): number[] {
  const rows = r1cs.constraints.map(([a, b, c]) => derivative(a, b, c, witness));
  const known = new Set([0, ...given]);
  const rowsOf: number[][] = Array.from({ length: r1cs.wires }, () => []);
  const open = rows.map((row, at) => {
    row.forEach((wire) => rowsOf[wire].push(at));
    return row.filter((wire) => !known.has(wire)).length;
  });
  const ready = open.flatMap((count, at) => (count === 1 ? [at] : []));
  for (let at = ready.pop(); at !== undefined; at = ready.pop()) {
    const wire = rows[at].find((each) => !known.has(each));
    if (wire === undefined) continue;
    known.add(wire);
    for (const row of rowsOf[wire]) if (--open[row] === 1) ready.push(row);
  }
  return Array.from({ length: r1cs.wires }, (_, wire) => wire).filter((wire) => !known.has(wire));
}

/** Wires by which (a b - c) changes at this witness. */
function derivative(a: readonly Term[], b: readonly Term[], c: readonly Term[], witness: readonly bigint[]): number[] {
  const slopes = new Map<number, bigint>();
  const add = (terms: readonly Term[], factor: bigint) => terms.forEach(([wire, coefficient]) => slopes.set(wire, ((slopes.get(wire) ?? 0n) + coefficient * factor) % FIELD_MODULUS));
  add(a, evaluate(b, witness));
  add(b, evaluate(a, witness));
  add(c, -1n);
  return [...slopes].filter(([, slope]) => toField(slope) !== 0n).map(([wire]) => wire);
}
