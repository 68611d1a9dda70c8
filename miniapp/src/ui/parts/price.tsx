import { perThousand } from '../money';
import { useUi } from '../context';
import type { Offer } from '../../types';

/** What an offer asks for prompts and answers. */
export const Price = ({ offer: { promptPrice, outputPrice } }: { offer: Pick<Offer, 'promptPrice' | 'outputPrice'> }) => {
  const { t, ton } = useUi();
  return <span class="row-text">{t('ui.price', { prompt: ton(perThousand(promptPrice)), output: ton(perThousand(outputPrice)) })}</span>;
};
