/** Makes an element. Text is always text: nothing that comes from the gateway is ever read as HTML. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) setProperty(element, name, value);
  element.append(
    ...children.flat().filter((child) => child !== undefined && child !== null && child !== false),
  );
  return element;
}

function setProperty(element, name, value) {
  if (value === undefined || value === false) return;
  if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
  else if (name === 'style')
    for (const [rule, what] of Object.entries(value)) element.style.setProperty(rule, what);
  else if (name in element && !name.includes('-') && name !== 'list') element[name] = value;
  else element.setAttribute(name, value === true ? '' : value);
}

export function find(id) {
  return document.getElementById(id);
}

/** Puts new children in, and the keyboard's focus back on the element that has the same `data-key` as before. */
export function redraw(parent, ...children) {
  const key = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  parent.replaceChildren(...children.flat());
  if (key) parent.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

export function toast(text, tone = 'calm') {
  const shown = make('p', { className: `toast ${tone}` }, text);
  find('toasts').append(shown);
  setTimeout(() => shown.remove(), 6000);
}

export function tellAge(iso) {
  const seconds = Math.max(0, (Date.now() - Date.parse(iso)) / 1000);
  if (seconds < 45) return 'just now';
  const steps = [
    [60, 'minute'],
    [3600, 'hour'],
    [86400, 'day'],
  ];
  const [size, unit] = steps.findLast(([length]) => seconds >= length * 0.75) ?? steps[0];
  return new Intl.RelativeTimeFormat('en').format(-Math.round(seconds / size), unit);
}
