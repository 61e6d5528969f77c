/** Hooks as a configuration has them. */
import { parseDuration } from '../../base/duration.ts'
import type { Hook, HookMoment, Hooks } from './config.ts'
import type { ConfigReader } from './config-reader.ts'
import type { RawHook, RawHooks } from './schema/hooks.ts'
import type { ConfigPath } from './yaml-text.ts'

/** Runs what is one text. */
const SHELL = process.platform === 'win32' ? ['cmd', '/d', '/s', '/c'] : ['sh', '-c']
/** Of a hook that says nothing of time: one that hangs must not keep a service stopped for ever. ms */
export const COMMAND_TIMEOUT_MS = 600_000

/** A text for the shell, as a program and its arguments. */
export const shellLine = (text: string): string[] => [...SHELL, text]

/** `path`: of what has them. */
export function readHooks(reader: ConfigReader, path: ConfigPath, raw: RawHooks = {}): Hooks {
  const of = (moment: HookMoment): Hook[] =>
    (raw[moment] ?? []).map((hook, index) => readHook(reader, [...path, 'hooks', moment, index], hook))
  return { before: of('before'), after: of('after'), failed: of('failed'), finally: of('finally') }
}

function readHook(reader: ConfigReader, path: ConfigPath, raw: RawHook): Hook {
  const hook = typeof raw === 'string' ? { command: shellLine(raw) } : raw
  const { command, env = {}, cwd, timeout } = hook
  return {
    argv: reader.argv(command),
    env,
    cwd: cwd === undefined ? undefined : reader.absolute(cwd),
    timeoutMs: reader.optional([...path, 'timeout'], timeout, parseDuration) ?? COMMAND_TIMEOUT_MS,
    onError: hook['on-error'] ?? 'fail',
  }
}
