/** Whether a cookie can name a session at all: Django's own keys are 32 letters and digits, the column takes 40. */
export function isSessionKey(text: string): boolean {
  return /^[A-Za-z0-9]{8,40}$/.test(text);
}
