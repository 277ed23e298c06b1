/** Figures in Prometheus' text format, as the admin door tells them. */
export type Metrics = Readonly<{
  /** The sum over all series of this name whose labels hold all of these. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
}>;

export function readMetrics(text: string): Metrics {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return {
    sum(name, labels = {}) {
      const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return lines
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => wanted.every((pair) => line.includes(pair)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    },
  };
}
