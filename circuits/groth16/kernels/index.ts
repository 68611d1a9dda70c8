/** Everything that the host may call. AssemblyScript; compiled by scripts/build/build.mjs. */
import { Coordinate, TwoCoordinates } from './fields';
import { multiplyBase, writeMultiples } from './fixedBase';
import { firstOffCurve, rest } from './groups';
import { joinWindows, windowBytes, windowSum } from './windows';

export { writeDigits } from './digits';
export { addP, isZeroP, minusP, mulP, plusP, subP } from './fp';
export { invertP, invertTwo, mulTwo, squareTwo } from './fp2';
export { addR, minusR, mulR, plusR, subR } from './fr';
export { multiplyAll, multiplyRows, quotientScalars, readCoordinates, readScalars, writeCoordinates } from './rows';
export { shiftValues, toCoefficients, toValues, writePowers } from './transform';
export { forget, prepare, workspaceBytes } from './workspace';

export function windowSum1(points: usize, wires: usize, count: i32, digits: usize, most: i32, scratch: usize, o: usize): void {
  windowSum<Coordinate>(points, wires, count, digits, most, scratch, o);
}

export function windowSum2(points: usize, wires: usize, count: i32, digits: usize, most: i32, scratch: usize, o: usize): void {
  windowSum<TwoCoordinates>(points, wires, count, digits, most, scratch, o);
}

export function windowBytes1(count: i32, most: i32): usize {
  return windowBytes<Coordinate>(count, most);
}

export function windowBytes2(count: i32, most: i32): usize {
  return windowBytes<TwoCoordinates>(count, most);
}

/** Windows joined, and at rest. @param scratch X, Y, Z */
export function joinWindows1(sums: usize, windows: i32, bits: i32, scratch: usize, o: usize): void {
  joinWindows<Coordinate>(sums, windows, bits, scratch);
  rest<Coordinate>(o, scratch);
}

export function joinWindows2(sums: usize, windows: i32, bits: i32, scratch: usize, o: usize): void {
  joinWindows<TwoCoordinates>(sums, windows, bits, scratch);
  rest<TwoCoordinates>(o, scratch);
}

export function firstOffCurve1(points: usize, count: i32): i32 {
  return firstOffCurve<Coordinate>(points, count);
}

export function firstOffCurve2(points: usize, count: i32): i32 {
  return firstOffCurve<TwoCoordinates>(points, count);
}

export function writeMultiples1(base: usize, scratch: usize, o: usize): void {
  writeMultiples<Coordinate>(base, scratch, o);
}

export function writeMultiples2(base: usize, scratch: usize, o: usize): void {
  writeMultiples<TwoCoordinates>(base, scratch, o);
}

export function multiplyBase1(table: usize, scalars: usize, count: i32, points: usize, scratch: usize, o: usize): void {
  multiplyBase<Coordinate>(table, scalars, count, points, scratch, o);
}

export function multiplyBase2(table: usize, scalars: usize, count: i32, points: usize, scratch: usize, o: usize): void {
  multiplyBase<TwoCoordinates>(table, scalars, count, points, scratch, o);
}
