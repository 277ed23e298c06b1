const LONGEST_NAME = 255;
const LONGEST_TYPE = 100;

/** The last segment of the path sent, without control characters, cut before its extension; empty where none is left. */
export function cleanName(given: string | undefined): string {
  const segment = (given ?? '').split(/[\\/]/).at(-1) ?? '';
  const name = segment
    .replace(/\p{Cc}/gu, '')
    .trim()
    .toWellFormed();
  return name === '.' || name === '..' ? '' : shorten(name);
}

function shorten(name: string): string {
  const letters = [...name];
  if (letters.length <= LONGEST_NAME) return name;
  const extension = [...(/^\.*[^.].*(\.[^.]*)$/s.exec(name)?.[1] ?? '')].slice(0, LONGEST_NAME);
  const stem = letters.slice(0, letters.length - extension.length).slice(0, LONGEST_NAME - extension.length);
  return [...stem, ...extension].join('');
}

export function cleanType(given: string): string {
  const type = given.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return /^[\x21-\x7e]+$/.test(type) && type.length <= LONGEST_TYPE ? type : 'application/octet-stream';
}
