import { app } from './app';
import { chat } from './chat';
import { ui } from './ui';
import { verify } from './verify';
import { wallet } from './wallet';

export const english = { ...app, ...ui, ...wallet, ...chat, ...verify } as const;
