/** Hooks as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import type { Hook, HookMoment, Hooks } from './config.ts'
import type { RawHook, RawHooks } from './schema.ts'
import type { ConfigPath } from './yaml-text.ts'

/** What a file's place and problems have to do with it. */
export type HookReader = {
  /** Absolute. */
  readonly absolute: (text: string) => string
  /** What `parse` gives; else a problem at `path`, below the hooks. */
  readonly parsed: <T>(path: ConfigPath, parse: () => T) => T | undefined
}

/** Runs what is one text. */
const SHELL = process.platform === 'win32' ? ['cmd', '/d', '/s', '/c'] : ['sh', '-c']
/** Of a hook that says nothing of time: one that hangs must not keep a service stopped for ever. ms */
const TIMEOUT_MS = 600_000

export function readHooks(raw: RawHooks, reader: HookReader): Hooks {
  const of = (moment: HookMoment): Hook[] =>
    (raw[moment] ?? []).map((hook, index) => readHook(hook, [moment, index], reader))
  return { before: of('before'), after: of('after'), failed: of('failed'), finally: of('finally') }
}

function readHook(raw: RawHook, path: ConfigPath, { absolute, parsed }: HookReader): Hook {
  const hook = typeof raw === 'string' ? { command: [...SHELL, raw] } : raw
  const [program = '', ...args] = hook.command
  const { timeout } = hook
  const limit = timeout === undefined ? undefined : parsed([...path, 'timeout'], () => parseDuration(timeout))
  return {
    argv: [program.startsWith('~/') ? absolute(program) : program, ...args],
    env: hook.env ?? {},
    cwd: hook.cwd === undefined ? undefined : absolute(hook.cwd),
    timeoutMs: limit ?? TIMEOUT_MS,
    onError: hook['on-error'] ?? 'fail',
  }
}
