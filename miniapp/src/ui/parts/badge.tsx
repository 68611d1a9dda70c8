/** What a verdict looks like: a sign, a word and a colour, never one of them alone. */
import { useUi } from '../context';
import { levelKey } from '../keys';
import type { VerdictLevel } from '../../types';
import { Icon, type IconName } from './icons';

const SIGNS: Record<VerdictLevel, IconName> = { proven: 'shield', 'test-hardware': 'flask', bonded: 'eye', unknown: 'question', refuted: 'cross' };

export const Badge = ({ level }: { level: VerdictLevel }) => (
  <span class={`badge ${level}`}><Icon name={SIGNS[level]} />{useUi().t(levelKey(level))}</span>
);

/** The same as a button, which shows what was checked. */
export const BadgeButton = ({ level, onTap }: { level: VerdictLevel; onTap: () => void }) => {
  const { t } = useUi();
  return (
    <button type="button" class="badge-button" aria-haspopup="dialog" aria-label={t('ui.badge', { word: t(levelKey(level)) })} onClick={onTap}>
      <Badge level={level} />
    </button>
  );
};
