/** Something to know where one is: what is waited for, what went wrong, why not. */
import type { ComponentChildren } from 'preact';
import { useUi } from '../context';
import { Icon, type IconName } from './icons';

interface NoticeProps {
  kind: 'waiting' | 'problem' | 'plain';
  icon?: IconName;
  title: string;
  /** Not told to screen readers by itself: something else tells them, or it has been there all along. */
  isStill?: boolean;
  children?: ComponentChildren;
}

export const Notice = ({ kind, icon, title, isStill, children }: NoticeProps) => (
  <div class={`notice ${kind}`} role={isStill ? undefined : kind === 'problem' ? 'alert' : 'status'}>
    {kind === 'waiting' ? <span class="spinner" /> : <Icon name={icon ?? 'warning'} />}
    <div><strong>{title}</strong>{children && <div class="notice-text">{children}</div>}</div>
  </div>
);

/** In the middle of an empty screen. */
export const Empty = ({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) => (
  <div class="empty"><Icon name={icon} /><h2>{title}</h2>{children}</div>
);

/** What the page says when a part of it could not be loaded. */
export const NotLoaded = ({ retry }: { retry: () => void }) => {
  const { t } = useUi();
  return (
    <div class="page">
      <Notice kind="problem" title={t('ui.notLoaded')}><button type="button" class="button quiet" onClick={retry}>{t('ui.retry')}</button></Notice>
    </div>
  );
};
