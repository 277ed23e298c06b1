import { type Feature, routeByName } from '../view.ts';
import { showSummary } from './summary.ts';

/** One page of numbers over the other features' tables. */
export function openDashboard(): Feature {
  return routeByName('dashboard', { summary: { allow: 'GET, HEAD, OPTIONS', run: showSummary } });
}
