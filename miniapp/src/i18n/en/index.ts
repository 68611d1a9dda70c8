import { app } from './app';
import { chat } from './chat';
import { provider } from './provider';
import { ui } from './ui';
import { verify } from './verify';
import { wallet } from './wallet';

export const english = { ...app, ...ui, ...wallet, ...chat, ...verify, ...provider } as const;
