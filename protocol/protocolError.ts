import { CocoonError } from './errors';

/** A signed object, payload or envelope that is not what the protocol says. `code` names the rule that was broken. */
export class ProtocolError extends CocoonError {}
