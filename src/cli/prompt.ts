/**
 * Asks on a terminal: for a secret, without showing it, or whether to go on. A secret is read as raw bytes, so that any
 * encoding passes as it was typed. It knows nothing of what it asks for.
 */
import { SnapError } from '../model/errors.ts'

/** A terminal to read from; `process.stdin` is one where `isTTY`. */
export type SecretInput = {
  setRawMode(raw: boolean): unknown
  on(event: 'data', listener: (bytes: Buffer) => void): unknown
  on(event: 'end', listener: () => void): unknown
  off(event: 'data', listener: (bytes: Buffer) => void): unknown
  off(event: 'end', listener: () => void): unknown
  resume(): unknown
  pause(): unknown
}

export type SecretOutput = { write(text: string): unknown }

export type Terminal = { readonly input: SecretInput; readonly output: SecretOutput }

const CTRL_C = 0x03
const CTRL_D = 0x04
const BACKSPACE = 0x08
const NEWLINE = 0x0a
const RETURN = 0x0d
const CTRL_U = 0x15
const ESCAPE = 0x1b
const DELETE = 0x7f
const SECRET_BYTES_MAX = 4096

export type LineInput = Pick<SecretInput, 'on' | 'off' | 'resume' | 'pause'>

/** True where `yes` is typed, in full; the terminal shows what is typed. `signal` ends the question with its reason. */
export async function confirm(
  { input, output }: { readonly input: LineInput; readonly output: SecretOutput },
  question: string,
  signal: AbortSignal,
): Promise<boolean> {
  output.write(`${question} (yes/no) `)
  let typed = ''
  return await new Promise<boolean>((resolve, reject) => {
    const finish = (settle: () => void): void => {
      input.off('data', onData)
      input.off('end', onEnd)
      signal.removeEventListener('abort', onAbort)
      input.pause()
      settle()
    }
    const onData = (bytes: Buffer): void => {
      typed += bytes.toString('latin1')
      if (/[\r\n]/.test(typed)) finish(() => resolve(typed.trim().toLowerCase() === 'yes'))
    }
    const onEnd = (): void => finish(() => resolve(false))
    const onAbort = (): void => finish(() => reject(signal.reason))
    input.on('data', onData)
    input.on('end', onEnd)
    signal.addEventListener('abort', onAbort, { once: true })
    input.resume()
  })
}

type Outcome = 'done' | 'interrupted' | 'ended' | undefined

/**
 * The bytes typed up to Enter, the caller's own. Backspace removes a character, Ctrl-U all; Ctrl-C is
 * `INTERRUPTED`, Ctrl-D or the end of the input on an empty line `KEY_MISSING`. What was typed ahead behind Enter
 * waits in `rest` for the next question.
 */
export async function promptSecret(
  terminal: Terminal,
  question: string,
  rest: number[] = [],
): Promise<Uint8Array<ArrayBuffer>> {
  const { input, output } = terminal
  const typed: number[] = []
  // Raw first: whoever answers as soon as the question shows must not be echoed.
  input.setRawMode(true)
  output.write(question)
  try {
    const outcome = await new Promise<Outcome>((resolve) => {
      const finish = (result: Outcome): void => {
        input.off('data', onData)
        input.off('end', onEnd)
        input.pause()
        resolve(result)
      }
      const onEnd = (): void => finish('ended')
      const onData = (bytes: Buffer): void => {
        const queue = [...rest.splice(0), ...bytes]
        const result = takeKeys(queue, typed)
        rest.push(...queue)
        if (result !== undefined) finish(result)
      }
      input.on('data', onData)
      input.on('end', onEnd)
      input.resume()
      if (rest.length > 0) onData(Buffer.alloc(0))
    })
    if (outcome === 'interrupted') throw new SnapError('INTERRUPTED', 'interrupted at the password prompt')
    if (outcome === 'ended')
      throw new SnapError('KEY_MISSING', 'the terminal was closed before a password was typed')
    return Uint8Array.from(typed)
  } finally {
    typed.fill(0)
    input.setRawMode(false)
    output.write('\n')
  }
}

/** Moves keys from `queue` into `typed` until one ends the line. */
function takeKeys(queue: number[], typed: number[]): Outcome {
  while (queue.length > 0) {
    const key = queue.shift() ?? 0
    if (key === RETURN || key === NEWLINE) return 'done'
    if (key === CTRL_C) return 'interrupted'
    if (key === CTRL_D && typed.length === 0) return 'ended'
    if (key === CTRL_U) typed.length = 0
    else if (key === BACKSPACE || key === DELETE) removeCharacter(typed)
    else if (key === ESCAPE) skipEscape(queue)
    else if (key >= 0x20 && typed.length < SECRET_BYTES_MAX) typed.push(key)
  }
  return undefined
}

/** Drops the sequence of an arrow or function key: ESC [ parameters final, or ESC and one byte. */
function skipEscape(queue: number[]): void {
  const introducer = queue.shift()
  if (introducer !== 0x5b && introducer !== 0x4f) return
  while (queue.length > 0) {
    const byte = queue.shift() ?? 0
    if (byte >= 0x40 && byte <= 0x7e) return
  }
}

/** One UTF-8 character: continuation bytes, then the byte that leads them. */
function removeCharacter(typed: number[]): void {
  let removed = typed.pop()
  while (removed !== undefined && (removed & 0xc0) === 0x80) removed = typed.pop()
}
