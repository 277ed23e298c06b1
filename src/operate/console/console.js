// The console: one page, one client of the admin API. It holds no state of its own but the last answers.
import { ask, session } from './api.js';
import { drawLog } from './audit-log.js';
import { drawBoard, drawOverview } from './board.js';
import { find, make, redraw, toast } from './dom.js';
import { drawExplanation } from './explanation.js';
import { openFlipDialog } from './flip-dialog.js';
import { follow } from './live.js';
import { drawPanel, refreshShadow, refreshShadowSoon, startPanel } from './shadow-panel.js';
import { openUndoDialog } from './undo-dialog.js';

const state = { table: undefined, log: { flips: [], standing: null }, isFollowing: false };

function drawTable() {
  const { table } = state;
  const words = find('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  find('revision').textContent = `revision ${table.revision}`;
  redraw(find('overview'), drawOverview(table));
  redraw(find('board'), drawBoard(table, words, flip));
  find('paths').replaceChildren(...table.routes.map(({ path, id }) => make('option', { value: path }, id)));
}

function flip(wish) {
  openFlipDialog(state.table, wish, refresh);
}

function drawAudit() {
  find('undo').disabled = state.log.standing === null;
  redraw(find('log'), drawLog(state.log));
}

/** Asks for everything that may have changed. A refused token means: sign in again. */
async function refresh() {
  try {
    const [table, log] = await Promise.all([ask('/api/routes'), ask('/api/flips?limit=50')]);
    Object.assign(state, { table, log });
    drawTable();
    drawAudit();
    await refreshShadow();
  } catch (refusal) {
    if (refusal.status === 401) signOut('The token is no longer good.');
    else toast(refusal.message, 'bad');
  }
}

let refreshTimer;
function refreshSoon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(refresh, 100);
}

async function loadTenants() {
  const { tenants } = await ask('/api/tenants').catch(() => ({ tenants: [] }));
  find('tenants').replaceChildren(...tenants.map(({ name }) => make('option', { value: name })));
}

async function drawReadiness() {
  const answer = await fetch('/readyz').catch(() => undefined);
  const told = await answer?.json().catch(() => undefined);
  const troubles = Object.entries(told?.parts ?? {}).filter(([, part]) => !part.ready);
  const chip = find('ready');
  chip.className = `chip ${told?.ready ? 'good' : 'bad'}`;
  chip.textContent = told?.ready
    ? 'ready'
    : `not ready: ${troubles.map(([name]) => name).join(', ') || 'no answer'}`;
  chip.title = troubles.map(([name, part]) => `${name}: ${part.detail}`).join('\n');
}

const EVENTS = {
  table_swapped: () => {
    find('notices').replaceChildren();
    refreshSoon();
  },
  table_refused: ({ source, mistakes }) => showMistakes(source, mistakes),
  flip_made: ({ author, subject, to }, isNews) => {
    if (isNews && author !== session.author) toast(`${author} flipped ${subject} to ${to}`);
    refreshSoon();
  },
  breaker_changed: ({ feature, side, state: now }, isNews) => {
    if (isNews)
      toast(
        `The breaker of ${feature} on the ${side} side is ${now.replace('_', ' ')}`,
        now === 'open' ? 'bad' : 'calm',
      );
    refreshSoon();
  },
  flags_changed: refreshSoon,
  diffs_changed: refreshShadowSoon,
  rehearsals_changed: ({ state: now, detail }, isNews) => {
    if (isNews && now in REHEARSALS) toast(`${REHEARSALS[now]} ${detail}`, now === 'down' ? 'bad' : 'calm');
  },
  follow_changed: ({ state: now, detail }, isNews) => {
    if (isNews && now === 'stopped') toast(`Legacy’s rows are not carried over: ${detail}`, 'bad');
  },
  return_changed: ({ state: now, detail }, isNews) => {
    if (isNews && now === 'stopped') toast(`Rows are not carried back to legacy: ${detail}`, 'bad');
  },
  stranger_wrote: ({ tenant, table, rows }, isNews) => {
    if (isNews)
      toast(`Somebody wrote ${rows} rows of ${tenant}’s ${table} on legacy, which the new side owns`, 'bad');
  },
  part_changed: () => void drawReadiness(),
};

const REHEARSALS = {
  down: 'Rehearsals are down, nothing is compared:',
  paused: 'Rehearsals pause:',
  resumed: 'Rehearsals go on:',
};

function showMistakes(source, mistakes) {
  const title = `${source} was refused; the last good table stays in force.`;
  const list = make(
    'ul',
    {},
    mistakes.map((mistake) => make('li', {}, make('code', {}, mistake))),
  );
  find('notices').replaceChildren(
    make('div', { className: 'notice bad', role: 'alert' }, make('b', {}, title), list),
  );
}

async function startFollowing() {
  if (state.isFollowing) return;
  state.isFollowing = true;
  const began = Date.now();
  await follow({
    onEvent: (event) => EVENTS[event.type]?.(event, Date.parse(event.at) >= began),
    onState: (now) => {
      const chip = find('live');
      chip.className = `chip ${now === 'live' ? 'good' : 'bad'}`;
      chip.textContent = now === 'live' ? 'live' : 'reconnecting …';
      void drawReadiness();
      if (now === 'live') refreshSoon();
    },
  });
  state.isFollowing = false;
}

function showApp() {
  find('sign-in').hidden = true;
  find('app').hidden = false;
  find('who').textContent = session.author;
  void startFollowing();
  void loadTenants();
  void drawReadiness();
}

function signOut(why = '') {
  session.close();
  find('app').hidden = true;
  find('sign-in').hidden = false;
  find('sign-in-error').textContent = why;
  find('author').value = session.author;
  find('token').value = '';
  find(session.author ? 'token' : 'author').focus();
}

async function signIn(event) {
  event.preventDefault();
  session.open(find('token').value.trim(), find('author').value.trim());
  try {
    state.table = await ask('/api/routes');
    find('sign-in-error').textContent = '';
    await refresh();
    showApp();
  } catch (refusal) {
    signOut(refusal.status === 401 ? 'This is not the admin token of this gateway.' : refusal.message);
  }
}

async function explain(event) {
  event.preventDefault();
  const form = new FormData(event.target);
  const tenant = form.get('tenant').trim();
  const body = { method: form.get('method'), path: form.get('path').trim(), ...(tenant ? { tenant } : {}) };
  try {
    find('explanation').replaceChildren(...drawExplanation(await ask('/api/explain', body)));
  } catch (refusal) {
    find('explanation').replaceChildren(make('p', { className: 'error', role: 'alert' }, refusal.message));
  }
}

find('sign-in-form').addEventListener('submit', signIn);
find('sign-out').addEventListener('click', () => signOut());
find('filter').addEventListener('input', () => {
  drawTable();
  drawPanel();
});
startPanel();
find('explain-form').addEventListener('submit', explain);
find('undo').addEventListener('click', () => {
  const standing = state.log.flips.find(({ id }) => id === state.log.standing);
  if (standing) openUndoDialog(standing, refresh);
});
setInterval(() => session.token && void drawReadiness(), 10_000);
setInterval(() => session.token && drawAudit(), 60_000);
// Other instances add to the same ledger and tell this one nothing.
setInterval(() => session.token && refreshShadowSoon(), 30_000);

if (session.token) {
  await refresh();
  if (session.token) showApp();
} else signOut();
