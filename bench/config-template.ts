import { readFileSync } from 'node:fs';

/** The file's text with each `@NAME@` replaced. Throws where a name has no value: a server would start with half a configuration. */
export function fillTemplate(file: URL, values: Readonly<Record<string, string | number>>): string {
  return readFileSync(file, 'utf8').replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${file.pathname} wants ${name}, which nobody gives`);
    return String(value);
  });
}
