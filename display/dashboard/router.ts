// Where in the app one is: the part of the address after the #, and going elsewhere.
import { computed, signal } from '@preact/signals';
import { hrefOf, type Route, routeOf } from './route.ts';

const hash = signal(location.hash);

/** What is looked at now. */
export const route = computed(() => routeOf(hash.value));

/** Follows links and the browser's back button. */
export function startRouter(): void {
  addEventListener('hashchange', () => {
    hash.value = location.hash;
  });
}

/** Goes there; the back button leads back. */
export function navigate(to: Route): void {
  location.hash = hrefOf(to);
}

/** Goes there in the place of what is looked at now. */
export function replaceRoute(to: Route): void {
  history.replaceState(history.state, '', hrefOf(to));
  hash.value = location.hash;
}
