// How views reach the lab without passing it through every one of them.
import { createContext } from 'svelte';
import type { Lab } from './lab.svelte.ts';
import type { Tables } from './tables.svelte.ts';
import type { Workspace } from './workspace.svelte.ts';

export const [useLab, provideLab] = createContext<Lab>();
export const [useWorkspace, provideWorkspace] = createContext<Workspace>();
export const [useTables, provideTables] = createContext<Tables>();
