/** Where a peer that is a Node process listens, and for whom. */
export function readPlace(): Readonly<{ port: number; upstream: string }> {
  const [port, upstream] = process.argv.slice(2);
  return { port: Number(port), upstream: `http://127.0.0.1:${upstream}` };
}
