import { percentEncode } from './query.ts';

/** `Content-Disposition` of a download, as Django's `content_disposition_header` writes it. */
export function writeDisposition(name: string): string {
  if (/^[\x20-\x7e]*$/.test(name))
    return `attachment; filename="${name.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return `attachment; filename*=utf-8''${percentEncode(name).replaceAll('%2F', '/')}`;
}
