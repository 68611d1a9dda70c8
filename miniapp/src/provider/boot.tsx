import { render } from 'preact';
import { Page } from './view';

render(<Page />, document.body);
