import { render } from 'preact';

render(<main>Open Cocoon</main>, document.body);
