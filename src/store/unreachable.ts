import { codeOf } from './database-errors.ts';

/** One sentence for a database that does not let us in. `setting` names the variable that holds its address; never its password. */
export function describeUnreachable(error: unknown, url: string, setting: string): string {
  const { host, pathname } = URL.canParse(url)
    ? new URL(url)
    : { host: 'an address that is no URL', pathname: '/' };
  const place = `The new store at ${host}, database "${decodeURIComponent(pathname.slice(1))}",`;
  const code = codeOf(error);
  if (code === '28P01' || code === '28000')
    return `${place} does not let this role in. Check user and password in ${setting}.`;
  if (code === '3D000')
    return `${place} does not exist. Create it (docs/store.md), then run "banyan migrate".`;
  if (code === '42501')
    return `${place} gives this role no right to connect. GRANT CONNECT to it (docs/store.md).`;
  return `${place} cannot be reached${code ? ` (${code})` : ''}. Start PostgreSQL or correct ${setting}.`;
}
