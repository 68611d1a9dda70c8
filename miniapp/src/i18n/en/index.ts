import { app } from './app';
import { chat } from './chat';
import { ui } from './ui';
import { uiLater } from './uiLater';
import { verify } from './verify';
import { wallet } from './wallet';

/** All texts of the users' page; the provider's has its own. */
export const english = { ...app, ...ui, ...uiLater, ...wallet, ...chat, ...verify } as const;
