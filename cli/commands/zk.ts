import { Command } from 'commander';
import { buildCommand } from '../zk/build';
import { proveCommand } from '../zk/prove';

/** `cocoon zk`: circuits of small models and what is proven with them. */
export function zkCommand(): Command {
  return new Command('zk').description('circuits of small models').addCommand(buildCommand()).addCommand(proveCommand());
}
