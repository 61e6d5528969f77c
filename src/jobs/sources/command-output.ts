/**
 * What a command prints, as a stream: a failure of the command is a failure of the stream, whatever it had printed by then.
 * Knows nothing of backups.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { drained } from '../../base/drained.ts'
import { formatDuration } from '../../base/duration.ts'
import { Lines } from '../../base/lines.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'

export type Command = {
  /** The program and its arguments; no shell is between. */
  readonly argv: readonly [string, ...string[]]
  /** Over this process's own; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string | undefined
  /** Standard input; nothing where it is absent. Where the bytes fail, so does the command. */
  readonly input?: string | AsyncIterable<Uint8Array> | undefined
  /** Statuses by which it says that it has done what it should; 0 alone where they are absent. */
  readonly accept?: readonly number[]
  /** It has ended when its own process has: what it leaves in the background is not waited for, though it may hold the pipes. */
  readonly untilExit?: boolean
  /** From its start to its end. ms */
  readonly timeoutMs?: number | undefined
}

export type CommandEvents = {
  /** Each line that it says on its standard error. */
  readonly said?: (line: string) => void
}

/** What a command that nobody wants any more has to end by itself. ms */
const GRACE_MS = 5_000
/** What was printed before the end is still on its way for a moment. ms */
const LAST_WORDS_MS = 500
/** Of a line that it says, what is passed on. */
export const LINE_CHARS_MAX = 4_096
/** What was said before so much else is not why it failed. */
const LAST_CHARS_MAX = 4_096

/** Runs the command; yields what it prints. Throws an `Error` with its last words where it cannot be run, fails or is killed. */
export async function* commandOutput(
  command: Command,
  signal: AbortSignal,
  events: CommandEvents = {},
): AsyncGenerator<Uint8Array> {
  signal.throwIfAborted()
  const [program, ...args] = command.argv
  const child = spawn(program, args, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env },
    stdio: [command.input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    // A group of its own: what it started ends with it.
    detached: process.platform !== 'win32',
  })
  const ended = endOf(child)
  // What is not waited for any more, because the reader has gone, fails for nobody.
  ended.catch(() => undefined)
  const said = gatherWords(child, events)
  const fed = feed(child, command.input)
  const stop = (): void => void end(child)
  signal.addEventListener('abort', stop, { once: true })
  let isLate = false
  const { timeoutMs } = command
  const late = (): void => {
    isLate = true
    stop()
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
  let isLeft = false
  if (command.untilExit === true)
    child.once('exit', () => {
      setTimeout(() => {
        isLeft = true
        letGo(child)
      }, LAST_WORDS_MS)
    })
  let isRead = false
  let how: End
  try {
    try {
      if (child.stdout !== null) for await (const bytes of child.stdout) yield bytes as Uint8Array
    } catch (error) {
      // The pipe was let go of.
      if (!isLate && !isLeft && !signal.aborted) throw error
    }
    isRead = true
    how = await ended.catch((cause: unknown) => {
      throw new Error(`${program} cannot be run: ${codeInWords(systemCode(cause))}`, { cause })
    })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stop)
    if (!isRead) await end(child)
  }
  const { code, killedBy } = how
  signal.throwIfAborted()
  // Half of what it should have read may have been enough for it to say that all is well.
  const failure = await fed
  if (failure !== undefined) throw failure.error
  if (isLate) throw new Error(`${program} was ended: it took longer than ${formatDuration(timeoutMs ?? 0)}`)
  if (code !== null && (command.accept ?? [0]).includes(code)) return
  const words = killedBy === null ? `ended with status ${code}` : `was ended by ${killedBy}`
  const last = said()
  throw new Error(`${program} ${words}${last === '' ? '' : `: ${last}`}`)
}

/** Resolves when it has got all, or wants no more; with why the bytes failed, in which case it is ended. */
async function feed(
  child: ChildProcess,
  input: Command['input'],
): Promise<{ readonly error: unknown } | undefined> {
  const { stdin } = child
  if (stdin === null || input === undefined) return undefined
  stdin.on('error', () => undefined) // it does not read what it is given: its business
  if (typeof input === 'string') {
    stdin.end(input)
    return undefined
  }
  try {
    for await (const bytes of input) {
      if (stdin.destroyed) return undefined
      if (!stdin.write(bytes)) await drained(stdin).catch(() => undefined)
    }
    stdin.end()
    return undefined
  } catch (error) {
    await end(child)
    return { error }
  }
}

type End = { readonly code: number | null; readonly killedBy: NodeJS.Signals | null }

/** Rejects where it was never started. */
async function endOf(child: ChildProcess): Promise<End> {
  const [code, killedBy] = (await once(child, 'close')) as [End['code'], End['killedBy']]
  return { code, killedBy }
}

/** Resolves when it has ended, by its own will or not. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return
  if (child.exitCode === null && child.signalCode === null) {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    kill(child, 'SIGTERM')
    const timer = setTimeout(() => kill(child, 'SIGKILL'), GRACE_MS)
    await gone
    clearTimeout(timer)
  }
  kill(child, 'SIGKILL') // what it started and left behind
  // What has left its group may hold the pipes for ever.
  setTimeout(() => letGo(child), LAST_WORDS_MS).unref()
}

function letGo({ stdout, stderr }: ChildProcess): void {
  stdout?.destroy()
  stderr?.destroy()
}

function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch {
    // It has ended meanwhile.
  }
}

/** Passes its lines on; the answer is the last that tells of an error, else the last that says something. */
function gatherWords(child: ChildProcess, { said }: CommandEvents): () => string {
  const lines = new Lines(LINE_CHARS_MAX)
  let last = ''
  let telling: string | undefined
  let charsSince = 0
  const take = (line: string): void => {
    said?.(line)
    if (line.trim() === '') return
    last = line
    charsSince += line.length
    if (/\b(?:error|fatal)\b/i.test(line)) {
      telling = line
      charsSince = 0
    }
  }
  child.stderr?.setEncoding('utf8').on('data', (text: string) => lines.push(text).forEach(take))
  child.stderr?.on('end', () => lines.end().forEach(take))
  return () => (charsSince > LAST_CHARS_MAX ? last : (telling ?? last)).trim()
}
