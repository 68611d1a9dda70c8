import { CocoonError } from '../protocol';

/** A dispute cannot go on as asked; codes start with `dispute.`. */
export class DisputeError extends CocoonError {}
