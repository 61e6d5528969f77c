/**
 * Commands around an operation: before it, after it, when it failed, and finally, whatever happens. A service that is stopped before
 * is started finally, also where the operation fails or a signal ends it.
 */
import { Lines } from '../base/lines.ts'
import { hasCode, messageOf, SnapError } from '../model/errors.ts'
import type { Hook, HookMoment, Hooks } from './config/config.ts'
import { type Command, commandOutput, LINE_CHARS_MAX } from './sources/command-output.ts'

/** Hooks of a job or of a source. */
export type HookSet = {
  /** As `job nightly`. */
  readonly of: string
  readonly hooks: Hooks
  /** What the commands are told of whose hooks they are, over this process's own. */
  readonly env: Readonly<Record<string, string>>
}

export type HookPorts = {
  /** A line that a hook printed; `name` as `before hook of job nightly`. */
  readonly said: (name: string, line: string) => void
  readonly warn: (text: string) => void
  readonly signal: AbortSignal
}

/** Before `before` anything runs nothing is to be undone; after that nobody's signal keeps a hook from it. */
const NEVER: AbortSignal = new AbortController().signal

/**
 * Runs `operate` between the hooks of `sets`: those of the first are the outermost. `before` in order, the others in the opposite
 * order. A `before` that fails keeps the operation from being begun: `HOOK_FAILED`, after `failed` and `finally` of its own set
 * and those around. What fails later does not hide why the operation failed. `statusOf` says what hooks are told of a result.
 */
export async function betweenHooks<T>(
  sets: readonly HookSet[],
  ports: HookPorts,
  operate: () => Promise<T>,
  statusOf: (value: T) => 'ok' | 'incomplete',
): Promise<T> {
  const [set, ...inner] = sets
  if (set === undefined) return await operate()
  const run = (moment: HookMoment, signal: AbortSignal, more: Readonly<Record<string, string>> = {}) =>
    runHooks(set, moment, { ...ports, signal }, more)
  let failure: { readonly error: unknown } | undefined
  let result: { readonly value: T } | undefined
  try {
    await run('before', ports.signal)
    const value = await betweenHooks(inner, ports, operate, statusOf)
    result = { value }
    await run('after', NEVER, { SNAP_STATUS: statusOf(value) })
  } catch (error) {
    failure = { error }
  }
  const status =
    failure === undefined ? { SNAP_STATUS: statusOf(result?.value as T) } : ofFailure(failure.error)
  for (const moment of failure === undefined ? (['finally'] as const) : (['failed', 'finally'] as const)) {
    try {
      await run(moment, NEVER, status)
    } catch (error) {
      if (failure === undefined) failure = { error }
      else ports.warn(messageOf(error))
    }
  }
  if (failure !== undefined) throw failure.error
  if (result === undefined) throw new TypeError('what did not fail has a result')
  return result.value
}

const VARIABLE_CHARS_MAX = 8_192

function ofFailure(error: unknown): Readonly<Record<string, string>> {
  const status = hasCode(error, 'INTERRUPTED') ? 'interrupted' : 'failed'
  return { SNAP_STATUS: status, SNAP_ERROR: variableText(messageOf(error)) }
}

/** A variable cannot hold a NUL, nor any length. */
const variableText = (text: string): string => text.replaceAll('\0', ' ').slice(0, VARIABLE_CHARS_MAX)

/**
 * One after the other. Before and after: up to the first that fails and is not to be passed over. What is to be done when it failed,
 * or finally, is done whatever became of the others; the first failure is thrown then.
 */
async function runHooks(
  { of, hooks, env }: HookSet,
  moment: HookMoment,
  ports: HookPorts,
  more: Readonly<Record<string, string>>,
): Promise<void> {
  const name = `${moment} hook of ${of}`
  const goesOn = moment === 'failed' || moment === 'finally'
  let failure: SnapError | undefined
  for (const hook of hooks[moment]) {
    try {
      await runHook(hook, name, { ...env, SNAP_HOOK: moment, ...more }, ports)
    } catch (cause) {
      ports.signal.throwIfAborted()
      const message = `the ${name} failed: ${messageOf(cause)}`
      if (hook.onError === 'warn') ports.warn(message)
      else if (hook.onError === 'fail') {
        const error = new SnapError('HOOK_FAILED', message, {
          hint:
            moment === 'before'
              ? 'Nothing was done. Run the command by hand to see why.'
              : 'Run the command by hand to see why.',
          cause,
        })
        if (!goesOn) throw error
        if (failure === undefined) failure = error
        else ports.warn(message)
      }
    }
  }
  if (failure !== undefined) throw failure
}

async function runHook(
  hook: Hook,
  name: string,
  env: Command['env'] & object,
  ports: HookPorts,
): Promise<void> {
  const said = (line: string): void => ports.said(name, line)
  await runTelling({ ...hook, env: { ...env, ...hook.env } }, said, ports.signal)
}

/** Runs a command; each line that it prints is passed on. Throws an `Error` with its last words where it fails. */
export async function runTelling(
  { argv, cwd, timeoutMs, env }: Pick<Command, 'argv' | 'cwd' | 'timeoutMs' | 'env'>,
  said: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const command: Command = { argv, cwd, timeoutMs, untilExit: true, env: env ?? {} }
  const lines = new Lines(LINE_CHARS_MAX)
  const decoder = new TextDecoder()
  for await (const bytes of commandOutput(command, signal, { said }))
    for (const line of lines.push(decoder.decode(bytes, { stream: true }))) said(line)
  for (const line of lines.end()) said(line)
}
