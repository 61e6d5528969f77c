/** A command line of the user's that prints a password. It may talk to the person at the terminal, and ends with who wants it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { SnapError } from '../model/errors.ts'
import type { Environment } from './locations.ts'

export type PasswordCommand = {
  readonly command: string
  readonly env: Environment
  /** A person may be asked: then it takes as long as it takes. */
  readonly hasTerminal: boolean
  readonly bytesMax: number
  readonly signal?: AbortSignal | undefined
  /** Where there is nobody to answer it. ms */
  readonly timeoutMs?: number
}

/** A manager of passwords that has to be unlocked somewhere else. ms */
const TIMEOUT_MS = 120_000
/** Between asking it to end and ending it. ms */
const GRACE_MS = 2_000
/** What was printed before the end is still on its way for a moment. ms */
const LAST_WORDS_MS = 500

/** What it prints; the bytes are the caller's own. `KEY_MISSING` where it fails, prints too much, or takes too long with nobody there. */
export async function outputOfCommand(options: PasswordCommand): Promise<Uint8Array<ArrayBuffer>> {
  const { command, env, hasTerminal, bytesMax, signal, timeoutMs = TIMEOUT_MS } = options
  signal?.throwIfAborted()
  const child = spawn(command, {
    shell: true,
    stdio: ['inherit', 'pipe', 'inherit'],
    env: { ...env },
    // What it has started ends with it. At a terminal, only who belongs to this group may read what is typed.
    detached: !hasTerminal && process.platform !== 'win32',
  })
  const parts: Buffer[] = []
  let length = 0
  let problem: string | undefined
  const stop = (why: string): void => {
    problem ??= why
    end(child, !hasTerminal)
  }
  child.stdout.on('data', (part: Buffer) => {
    length += part.length
    if (length > bytesMax) stop('prints too much to be a password')
    else parts.push(part)
  })
  const interrupt = (): void => stop('was ended')
  signal?.addEventListener('abort', interrupt, { once: true })
  const late = (): void => stop(`did not end within ${timeoutMs / 1_000} s`)
  const timer = hasTerminal ? undefined : setTimeout(late, timeoutMs)
  const how = await endOf(child)
  clearTimeout(timer)
  signal?.removeEventListener('abort', interrupt)
  signal?.throwIfAborted()
  const failure = problem ?? how
  if (failure !== undefined)
    throw new SnapError('KEY_MISSING', `SNAP_PASSWORD_COMMAND ${failure}`, {
      hint: 'Run the command by hand to see why.',
    })
  const bytes = Uint8Array.from(Buffer.concat(parts))
  for (const part of parts) part.fill(0)
  return bytes
}

/** `undefined` where all is well. What the command leaves in the background, as an agent, may hold the pipe, and is not waited for. */
async function endOf(child: ChildProcess): Promise<string | undefined> {
  return await new Promise((resolve) => {
    child.on('error', (error) => resolve(`could not be run: ${error.message}`))
    child.on('exit', () => {
      const letGo = setTimeout(() => child.stdout?.destroy(), LAST_WORDS_MS)
      child.on('close', () => clearTimeout(letGo))
    })
    child.on('close', (status, signal) =>
      resolve(status === 0 ? undefined : `ended with ${signal ?? `exit status ${status}`}`),
    )
  })
}

function end(child: ChildProcess, isGroup: boolean): void {
  kill(child, 'SIGTERM', isGroup)
  setTimeout(() => {
    kill(child, 'SIGKILL', isGroup)
    // Who has left the group may hold the pipe for ever.
    child.stdout?.destroy()
  }, GRACE_MS)
}

function kill(child: ChildProcess, signal: NodeJS.Signals, isGroup: boolean): void {
  if (!isGroup || child.pid === undefined || process.platform === 'win32') {
    child.kill(signal)
    return
  }
  try {
    process.kill(-child.pid, signal)
  } catch {
    // All of it has ended meanwhile.
  }
}
