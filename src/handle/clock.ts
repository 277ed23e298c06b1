/** Now, in UTC with microseconds, as the store takes times: JavaScript's dates stop at milliseconds, Python's do not. */
export function now(): string {
  const micros = Math.floor((performance.timeOrigin + performance.now()) * 1000);
  const whole = new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1);
  return `${whole}${String(micros % 1000).padStart(3, '0')}+00:00`;
}
