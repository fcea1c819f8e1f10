// Light, dark, or as the system says. Pico reads `data-theme` on the root element.
import { remember, remembered } from './remember.ts';

/** A choice of theme. */
export type Theme = 'auto' | 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');
let systemDark = $state(system.matches);
system.addEventListener('change', () => {
  systemDark = system.matches;
  apply();
});

const chosen = remembered('theme');
let choice = $state<Theme>(chosen === 'light' || chosen === 'dark' ? chosen : 'auto');

function apply(): void {
  document.documentElement.dataset.theme = theme.dark ? 'dark' : 'light';
}

/** The theme that was chosen and whether the page is dark. */
export const theme = {
  get choice(): Theme {
    return choice;
  },
  set choice(next: Theme) {
    choice = next;
    remember('theme', next === 'auto' ? undefined : next);
    apply();
  },
  get dark(): boolean {
    return choice === 'auto' ? systemDark : choice === 'dark';
  },
};

apply();
