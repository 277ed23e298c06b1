import { ask, authorize, Refusal } from './api.js';
import { find, redraw, toast } from './dom.js';
import { drawShadow } from './shadow.js';
import { openTriageDialog } from './triage-dialog.js';

// As often as a busy gateway tells of new verdicts at most.
const PAUSE_MS = 300;
let told;
let timer;

/** Asks for the verdicts and draws them. Throws a Refusal. */
export async function refreshShadow() {
  const query = new URLSearchParams({ since: find('shadow-since').value });
  told = await ask(`/api/diffs?${query}`);
  drawPanel();
}

/** The same soon, once for everything that happens until then; what fails is told by the next that is asked. */
export function refreshShadowSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => refreshShadow().catch(() => undefined), PAUSE_MS);
}

export function drawPanel() {
  if (!told) return;
  const words = find('filter').value.toLowerCase().split(/\s+/).filter(Boolean);
  const open = new Set(
    [...document.querySelectorAll('#shadow details[open]')].map(({ dataset }) => dataset.fold),
  );
  redraw(find('shadow'), drawShadow(told, words, judge));
  for (const details of document.querySelectorAll('#shadow details'))
    details.open = open.has(details.dataset.fold);
}

function judge(group, state) {
  openTriageDialog(group, state, () => refreshShadow().catch((refusal) => toast(refusal.message, 'bad')));
}

/** The token travels in a header, so the page cannot be a plain link: it is fetched and shown from memory. */
async function openReport() {
  // Opened at once, while the click still allows it.
  const tab = window.open('', '_blank');
  try {
    const query = new URLSearchParams({ since: find('shadow-since').value });
    const answer = await fetch(`/api/diffs/report.html?${query}`, { headers: authorize() });
    if (!answer.ok) throw new Refusal(answer.status, await answer.json().catch(() => undefined));
    const url = URL.createObjectURL(new Blob([await answer.text()], { type: 'text/html;charset=utf-8' }));
    if (tab) tab.location = url;
    else toast('The browser let no new tab open. Allow it, or: npx banyan diffs --html report.html', 'bad');
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  } catch (refusal) {
    tab?.close();
    toast(refusal.message, 'bad');
  }
}

export function startPanel() {
  find('shadow-report').addEventListener('click', () => void openReport());
  find('shadow-since').addEventListener('change', () =>
    refreshShadow().catch((refusal) => toast(refusal.message, 'bad')),
  );
}
