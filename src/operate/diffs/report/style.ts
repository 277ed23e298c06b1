/** The report's one style sheet: a screen in light and dark, and paper of A4. */
export const REPORT_STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#f4f6f4, #101513);
  --card: light-dark(#fff, #181f1c);
  --raised: light-dark(#f0f3f1, #212a26);
  --line: light-dark(#d6ddd9, #2f3b36);
  --text: light-dark(#17211d, #e6ece9);
  --soft: light-dark(#52615b, #a3b2ac);
  --accent: light-dark(#17694a, #5fd3a0);
  --same: light-dark(#17794f, #55cf97);
  --different: light-dark(#b3261e, #ff8a80);
  --waiting: light-dark(#8a5300, #f0b04c);
  --accepted: light-dark(#2f6fb3, #74b0ee);
  --noise: light-dark(#7a4fb0, #bd98f0);
  --unknown: light-dark(#8b9791, #75847d);
  --here: light-dark(#fdeceb, #3b1f1d);
  --other: light-dark(#fdf5e6, #33291a);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere; }
.head, main { max-width: 62rem; margin: 0 auto; padding: 0 clamp(.8rem, 3vw, 2rem); }
.head { padding-top: 2rem; }
main { padding-bottom: 3rem; }
h1, h2, h3, h4, p, dl, ul { margin: 0; padding: 0; }
h1 { font-size: 1.9rem; letter-spacing: -.02em; line-height: 1.2; }
h2 { font-size: 1.25rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin-top: 1.2rem; }
h4 { font-size: .98rem; }
code { font: .88em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
a { color: var(--accent); }
a:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.brand { color: var(--accent); font-weight: 700; letter-spacing: .02em; }
.lead { font-size: 1.15rem; margin-top: .4rem; }
.soft { color: var(--soft); font-size: .87rem; }
.means { margin-top: .5rem; }
section.route, section.method, main > section:first-child {
  background: var(--card); border: 1px solid var(--line); border-radius: 12px;
  padding: 1.1rem 1.3rem 1.3rem; margin-top: 1.1rem;
}
.facts { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; margin-top: .6rem; }
.facts dt, .rules dt { color: var(--soft); font-size: .78rem; }
.facts dd, .rules dd { margin: 0; font-size: .9rem; }
.badge {
  display: inline-block; padding: .05rem .6rem; border-radius: 99px; font-size: .82rem; font-weight: 650;
  border: 1px solid currentColor; vertical-align: .12em; white-space: nowrap;
}
.badge.clean { color: var(--same); }
.badge.different { color: var(--different); }
.badge.not_enough_data { color: var(--waiting); }
table { border-collapse: collapse; width: 100%; font-size: .87rem; }
th, td { text-align: left; vertical-align: top; padding: .28rem .6rem .28rem 0; }
thead th { color: var(--soft); font-weight: 550; font-size: .78rem; }
tbody tr { border-top: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.number:last-child { padding-right: 0; }
.wide { overflow-x: auto; margin-top: .4rem; }
.summary th[scope=row] { font-weight: 600; }
.bar { display: block; margin-top: .8rem; border-radius: 5px; background: var(--raised); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1.2rem; font-size: .85rem; margin-top: .35rem; }
rect.same { fill: var(--same); }
rect.different { fill: var(--different); }
rect.accepted { fill: var(--accepted); }
rect.noise { fill: var(--noise); }
rect.not-compared { fill: var(--unknown); }
.group { border: 1px solid var(--line); border-left: 4px solid var(--different); border-radius: 8px; padding: .75rem .95rem .9rem; margin-top: .7rem; }
.quiet-group { border-left-color: var(--unknown); }
.triage { margin-top: .6rem; padding: .35rem .7rem; border-radius: 7px; background: var(--raised); font-size: .9rem; white-space: pre-line; }
.triage b { color: var(--waiting); }
.triage.bug b { color: var(--different); }
.triage.accepted b { color: var(--accepted); }
.triage.noise b { color: var(--noise); }
.sample, .deeds { margin-top: .8rem; }
.sample .request code { font-weight: 650; }
.lines { margin-top: .35rem; table-layout: fixed; border: 1px solid var(--line); border-radius: 7px; border-collapse: separate; border-spacing: 0; }
.lines th, .lines td { padding: .16rem .6rem; font: .82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.lines thead th { font: 550 .78rem/1.5 system-ui, sans-serif; }
.lines tbody th { font-weight: 400; }
.lines td + td { border-left: 1px solid var(--line); }
.lines tbody th + td { border-left: 1px solid var(--line); }
.lines .alike { color: var(--soft); }
.lines .here { background: var(--here); }
.lines .here th, .lines .here td { font-weight: 650; }
.lines .other { background: var(--other); }
.flag { font: 650 .7rem/1 system-ui, sans-serif; color: var(--different); white-space: nowrap; }
.other .flag { color: var(--waiting); }
.d1 { padding-left: 1.4rem !important; }
.d2 { padding-left: 2.4rem !important; }
.d3 { padding-left: 3.4rem !important; }
.d4 { padding-left: 4.4rem !important; }
.d5 { padding-left: 5.4rem !important; }
.d6 { padding-left: 6.4rem !important; }
.d7 { padding-left: 7.4rem !important; }
.d8 { padding-left: 8.4rem !important; }
.paths { list-style: none; display: flex; flex-wrap: wrap; gap: .15rem 1rem; margin-top: .2rem; }
.rules { display: flex; flex-wrap: wrap; gap: .3rem 1.5rem; margin-top: .3rem; }
.method-list { display: grid; grid-template-columns: minmax(7rem, 11rem) 1fr; gap: .5rem 1.2rem; margin-top: .7rem; font-size: .9rem; }
.method-list dt { font-weight: 600; }
.method-list dd { margin: 0; }
@media (max-width: 40rem) {
  .method-list { grid-template-columns: 1fr; gap: .1rem; }
  .method-list dd { margin-bottom: .5rem; }
}
@page { size: A4; margin: 14mm; }
@media print {
  :root { color-scheme: light; font-size: 10.5pt; }
  body { background: none; }
  .head, main { max-width: none; padding: 0; }
  section.route, section.method, main > section:first-child { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: 10pt 0 0; margin-top: 12pt; }
  h2, h3, h4, thead, .means { break-after: avoid; }
  .sample, .triage, tr, .method-list dd { break-inside: avoid; }
  .here, .other, .badge, .triage, rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
}
`;
