import { ask, session } from './api.js';
import { make, toast } from './dom.js';
import { drawForm } from './flip-form.js';
import { showForced, showPreview } from './flip-preview.js';

const PREVIEW_PAUSE_MS = 200;

/** Asks for a flip, shows what it would do while it is being typed, and makes it. */
export function openFlipDialog(table, wish, onDone) {
  const subject = findSubject(table, wish.subject);
  const form = drawForm(table, subject, wish.stage ?? subject.stage ?? 'canary');
  const dialog = showDialog(form.element);
  let revision = table.revision;
  let timer;
  const preview = () => {
    clearTimeout(timer);
    if (form.staysForced()) return showForced(form);
    timer = setTimeout(async () => {
      revision =
        (await showPreview(form, { subject: wish.subject, ...form.read(), dry_run: true })) ?? revision;
    }, PREVIEW_PAUSE_MS);
  };
  // A refusal stays to be read until the wish is another.
  form.onChange(() => {
    form.error.textContent = '';
    preview();
  });
  form.element.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = {
      subject: wish.subject,
      ...form.read(),
      reason: form.reason.value,
      author: session.author,
      expected: revision,
    };
    const done = await attempt(form, () => ask('/api/flips', body));
    if (!done) return preview();
    dialog.close();
    toast(done.changed ? done.story.join(' ') : 'Nothing to do: it was so already.', 'good');
    onDone();
  });
  preview();
}

function findSubject(table, name) {
  const feature = table.features.find((known) => known.name === name);
  const routes = table.routes.filter((route) => route.id === name || (feature && route.feature === name));
  const flagName = feature?.flag ?? routes[0]?.flag;
  const stages = new Set(routes.map(({ stage }) => stage));
  return {
    name,
    feature,
    routes,
    flag: table.flags.find((flag) => flag.name === flagName),
    siblings: table.routes.filter((route) => route.flag && route.flag === flagName).length,
    stage: stages.size === 1 ? [...stages][0] : undefined,
  };
}

export function showDialog(content) {
  const dialog = make('dialog', { className: 'card' }, content);
  const key = document.activeElement?.dataset.key;
  dialog.addEventListener('close', () => {
    dialog.remove();
    // The board may have been drawn anew behind the dialog: then the button that opened it is another one by now.
    const isLost = document.activeElement === null || document.activeElement === document.body;
    if (key && isLost) document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
  });
  content.querySelector('.cancel').addEventListener('click', () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Runs one call of the API; a refusal is shown in the form instead of thrown. */
export async function attempt(form, call) {
  form.error.textContent = '';
  form.submit.disabled = true;
  try {
    return await call();
  } catch (refusal) {
    form.error.textContent = refusal.message;
    return undefined;
  } finally {
    form.submit.disabled = false;
  }
}
