import { CocoonError } from '../../protocol/errors';

/** The page's host was told something that cannot be; codes start with `config.page`. */
export class HostError extends CocoonError {}
