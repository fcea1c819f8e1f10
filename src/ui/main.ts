// Starts the page: opens the store, then shows the lab.
import '@picocss/pico/css/pico.min.css';
import './app.css';
import { mount } from 'svelte';
import { BrowserStore } from '../sweep/store-browser.ts';
import { MemoryStore, type RunStore } from '../sweep/store.ts';
import App from './App.svelte';
import { alerts, attempt } from './state/alerts.svelte.ts';
import { catalogue } from './state/data-catalogue.svelte.ts';
import { Fits } from './state/fits.svelte.ts';
import { Lab } from './state/lab.svelte.ts';
import { ownTexts } from './state/own-texts.svelte.ts';
import { Tables } from './state/tables.svelte.ts';
import { Workspace } from './state/workspace.svelte.ts';

/** The browser's store; where there is none (some private windows), one that lasts as long as the page, with a word about it. */
async function openStore(): Promise<RunStore> {
  try {
    return await BrowserStore.connect();
  } catch (error) {
    alerts.report(error);
    return new MemoryStore();
  }
}

addEventListener('error', (event) => alerts.report(event.error ?? event.message));
addEventListener('unhandledrejection', (event) => alerts.report(event.reason));

const target = document.getElementById('app');
if (!target) throw new Error('the page has no #app');
const lab = new Lab(await openStore());
const fits = new Fits(lab);
const workspace = new Workspace(lab, fits);
mount(App, { target, props: { workspace, tables: new Tables(fits) } });
void attempt(() => catalogue.load());
await attempt(() => ownTexts.load());
await attempt(() => workspace.begin());
