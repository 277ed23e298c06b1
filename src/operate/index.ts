// operate: the operators' doors. The admin door (API, console, health) is a listener for main's server on ADMIN_PORT; the command
// line is a client of it. What both need of other rooms is handed in by main. A flip is in force and in the audit log, or undone.
export { type AdminDoor, type AdminDoorWish, openAdminDoor } from './admin/admin-door.ts';
export type { Readiness } from './admin/health-endpoints.ts';
export type { KeyWish, NewKey } from './admin/key-endpoints.ts';
export type {
  CommandLineParts,
  DemoOptions,
  DriftMore,
  FollowHeard,
  FollowLimits,
  Output,
  ServeOptions,
} from './command-line/command.ts';
export { runCommandLine } from './command-line/run-command-line.ts';
export type { TenantParts } from './command-line/tenant-parts.ts';
export { CommandRefusal, type ExitCode, type Terminal } from './command-line/terminal.ts';
export * from './demo/index.ts';
export type * from './ports.ts';
export { openTableTexts } from './table-texts.ts';
