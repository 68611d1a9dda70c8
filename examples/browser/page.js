// The page: reads an order from its own server, shows tokens as they come and what is owed for them.
import { buy } from './buy.js';

const show = (id, text) => (document.getElementById(id).textContent = text);
const shown = [];
try {
  await buy(await (await fetch('order')).json(), (tokens, dueNano) => {
    shown.push(...tokens);
    show('tokens', shown.join(' '));
    show('due', dueNano);
  });
  document.documentElement.dataset.state = 'done';
} catch (error) {
  show('fault', error);
  document.documentElement.dataset.state = 'failed';
}
