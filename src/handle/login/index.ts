import { type Feature, routeByName } from '../view.ts';
import { logIn } from './login.ts';
import { logOut } from './logout.ts';
import { showCaller } from './me.ts';

/** Logging in and out with a session cookie and a CSRF cookie, and who am I. */
export function openLogin(wish: Readonly<{ secretKey: string }>): Feature {
  return routeByName('login', {
    login: { allow: 'POST, OPTIONS', run: (exchange) => logIn(exchange, wish.secretKey) },
    logout: { allow: 'POST, OPTIONS', run: logOut },
    me: { allow: 'GET, HEAD, OPTIONS', run: showCaller },
  });
}
