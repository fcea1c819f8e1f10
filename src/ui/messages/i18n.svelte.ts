// The language of the interface: chosen by the person, remembered, at first the browser's own. Switches live.
import type { Locale, Sentence } from '../../messages/sentence.ts';
import { remembered, remember } from '../state/remember.ts';
import { en } from './en.ts';
import { zh } from './zh.ts';

const tables = { en, zh };

function first(): Locale {
  const chosen = remembered('locale');
  if (chosen === 'en' || chosen === 'zh') return chosen;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

const start = first();
let locale = $state<Locale>(start);

/** The language in use and its messages. */
export const i18n = {
  get locale(): Locale {
    return locale;
  },
  set locale(next: Locale) {
    locale = next;
    remember('locale', next);
    document.documentElement.lang = next;
  },
  /** The messages of the language in use. */
  get t(): typeof en {
    return tables[locale];
  },
};

document.documentElement.lang = start;

/** A sentence in the language in use. */
export function say(sentence: Sentence): string {
  return sentence[locale];
}
