// What goes into a page is text unless it was made here: then a hostile path, reason or name stays a path, a reason, a name.

const made: unique symbol = Symbol('made here');

/** A piece of a page that was made by `html`. Nothing else can be one, so nothing else is ever taken for markup. */
export type Html = Readonly<{ [made]: string }>;

type Part = Html | string | number | readonly Part[] | undefined | false;

/** Tagged: html`<p>${text}</p>`. Strings and numbers are escaped, also within quoted attributes; lists are joined. */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Html {
  const pieces = texts.map((text, at) => text + (at < parts.length ? write(parts[at]) : ''));
  return Object.freeze({ [made]: pieces.join('') });
}

function write(part: Part): string {
  if (part === undefined || part === false) return '';
  if (typeof part === 'object') return isHtml(part) ? part[made] : part.map(write).join('');
  return escapeHtml(String(part));
}

function isHtml(part: Html | readonly Part[]): part is Html {
  return made in part;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

// Controls but tab and line feed have no place in a page; the marks that turn the direction of writing could make a path look like another.
const UNSEEN = /[\p{Cc}\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/gu;

export function escapeHtml(text: string): string {
  return text
    .replace(UNSEEN, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'))
    .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '');
}

export function printHtml(page: Html): string {
  return page[made];
}

/** The same for style sheets, which are ours alone. */
export function trustedStyle(css: string): Html {
  return Object.freeze({ [made]: `<style>${css}</style>` });
}
