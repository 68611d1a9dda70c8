/** The program: runs the command line that it was started with. */
import { main } from './main';

void main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
  // Native handles (GPU, sockets) must not keep a finished command alive once its output is written.
  process.stdout.write('', () => process.exit(exitCode));
});
