const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** `34 MB` */
export function printBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${Math.round(bytes / 1_000 ** power)} ${UNITS[power]}`;
}
