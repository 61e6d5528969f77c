/**
 * Where the secret that opens a repository comes from: a key file, the environment, a command, or the person at
 * the terminal. It never logs a secret, and does not know whether one is right.
 */
import { constants, openSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Socket } from 'node:net'
import { systemPath } from '../base/names.ts'
import { codeInWords, systemCode } from '../filesystem/system-error.ts'
import { isKeyFile } from '../keys/key-file.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { type Environment, variable } from './locations.ts'
import { outputOfCommand } from './password-command.ts'
import { promptSecret, type Terminal } from './prompt.ts'

export type Secret =
  | { readonly kind: 'password'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'keyFile'; readonly path: string; readonly text: string }

export type SecretSources = {
  /** `--key-file`. */
  readonly keyFile?: string | undefined
  readonly env: Environment
  /** Used where nothing else is given and it exists: the default repository's. */
  readonly defaultKeyFile?: string | undefined
  /** How a person is asked; `password: `. */
  readonly prompt?: string | undefined
  /** Absent where there is nobody to ask. */
  readonly terminal?: Terminal | undefined
  /** Takes one sentence. */
  readonly warn: (text: string) => void
  /** Told of a password that no variable held: by it what must not be repeated is known. */
  readonly learned?: ((password: string) => void) | undefined
  /** Ends the waiting for a command, or for who writes into a pipe. */
  readonly signal?: AbortSignal | undefined
  /** ms */
  readonly pipeTimeoutMs?: number
}

const OPEN_TO_OTHERS = 0o077
const SECRET_FILE_BYTES_MAX = 65_536
/** For who writes into a pipe, where nobody is there to be asked. ms */
const PIPE_TIMEOUT_MS = 120_000
const HINT =
  'Give --key-file FILE, or set SNAP_KEY_FILE, SNAP_PASSWORD, SNAP_PASSWORD_FILE or SNAP_PASSWORD_COMMAND.'

/**
 * The first that is given of `--key-file`, SNAP_KEY_FILE, SNAP_PASSWORD, SNAP_PASSWORD_FILE, SNAP_PASSWORD_COMMAND,
 * the default key file, the terminal. An empty variable counts as not set. `KEY_MISSING` where there is none, or
 * the one that is given cannot be had: never the next one instead. The bytes are the caller's own.
 */
export async function findSecret(sources: SecretSources): Promise<Secret> {
  return (await givenSecret(sources)) ?? (await defaultSecret(sources)) ?? (await askSecret(sources))
}

/**
 * The secret for a new slot: as above from everything but the default key file, but a person is asked twice.
 * `USAGE` where the two differ.
 */
export async function chooseSecret(sources: SecretSources): Promise<Secret> {
  return (await givenSecret(sources)) ?? (await askNewSecret(sources))
}

/** Asks the person at the terminal twice. `KEY_MISSING` without a terminal or an answer, `USAGE` where the two differ. */
export async function askNewSecret({ terminal }: SecretSources): Promise<Secret> {
  if (terminal === undefined) throw noSecret()
  const typedAhead: number[] = []
  const first = await promptSecret(terminal, 'new password: ', typedAhead)
  const bytes = notEmpty(first, 'the new password', 'Nothing was changed; try again.')
  const again = await promptSecret(terminal, 'the same again: ', typedAhead)
  const equal = Buffer.from(bytes).equals(again)
  again.fill(0)
  if (!equal)
    throw new SnapError('USAGE', 'the two passwords differ', { hint: 'Nothing was changed; try again.' })
  return { kind: 'password', bytes }
}

async function givenSecret(sources: SecretSources): Promise<Secret | undefined> {
  const { keyFile, env, warn, learned, signal } = sources
  const file = keyFile ?? variable(env, 'SNAP_KEY_FILE')
  if (file !== undefined) return readKeyFile(file, sources)
  const password = variable(env, 'SNAP_PASSWORD')
  if (password !== undefined) return { kind: 'password', bytes: Uint8Array.from(Buffer.from(password)) }
  const passwordFile = variable(env, 'SNAP_PASSWORD_FILE')
  if (passwordFile !== undefined) {
    const { bytes, isOpen } = await readSecretFile(passwordFile, 'password file', sources)
    if (isOpen) warnOfOthers(passwordFile, 'password file', warn)
    const line = notEmpty(withoutNewline(bytes), `the password file ${passwordFile}`)
    learned?.(Buffer.from(line).toString())
    return { kind: 'password', bytes: line }
  }
  const command = variable(env, 'SNAP_PASSWORD_COMMAND')
  if (command === undefined) return undefined
  const hasTerminal = sources.terminal !== undefined
  const printed = await outputOfCommand({
    command,
    env,
    hasTerminal,
    bytesMax: SECRET_FILE_BYTES_MAX,
    signal,
  })
  const bytes = notEmpty(withoutNewline(printed), 'the output of SNAP_PASSWORD_COMMAND')
  learned?.(Buffer.from(bytes).toString())
  return { kind: 'password', bytes }
}

async function defaultSecret(sources: SecretSources): Promise<Secret | undefined> {
  const { defaultKeyFile } = sources
  if (defaultKeyFile === undefined) return undefined
  const exists = await stat(systemPath(defaultKeyFile)).then(
    () => true,
    () => false,
  )
  return exists ? readKeyFile(defaultKeyFile, sources) : undefined
}

async function askSecret({
  terminal,
  defaultKeyFile,
  prompt = 'password: ',
}: SecretSources): Promise<Secret> {
  if (terminal === undefined) throw noSecret(defaultKeyFile)
  const bytes = await promptSecret(terminal, prompt)
  return { kind: 'password', bytes: notEmpty(bytes, 'the password') }
}

/** `missing`: the key file that would have been taken, had it been there. */
function noSecret(missing?: string): SnapError {
  const message = 'no password and no key file was given'
  const there = missing === undefined ? '' : `, and there is none at ${missing}`
  return new SnapError('KEY_MISSING', `${message}${there}`, { hint: HINT })
}

function notEmpty(bytes: Uint8Array<ArrayBuffer>, what: string, hint = HINT): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) throw new SnapError('KEY_MISSING', `${what} is empty`, { hint })
  return bytes
}

async function readKeyFile(path: string, sources: SecretSources): Promise<Secret> {
  const { bytes, isOpen } = await readSecretFile(path, 'key file', sources)
  const text = Buffer.from(bytes).toString('utf8')
  // What is none holds no secret, and may be meant for others.
  if (isOpen && isKeyFile(text)) warnOfOthers(path, 'key file', sources.warn)
  return { kind: 'keyFile', path, text }
}

function warnOfOthers(path: string, what: string, warn: (text: string) => void): void {
  warn(`the ${what} ${path} can be read by others; run chmod 600 on it`)
}

/** `isOpen`: to others than its owner. */
type SecretFile = { readonly bytes: Uint8Array<ArrayBuffer>; readonly isOpen: boolean }

async function readSecretFile(path: string, what: string, sources: SecretSources): Promise<SecretFile> {
  try {
    const found = await stat(systemPath(path))
    const isOpen = process.platform !== 'win32' && (found.mode & OPEN_TO_OTHERS) !== 0
    const bytesMax = SECRET_FILE_BYTES_MAX + 1
    const bytes = await (found.isFIFO() ? readPipe(path, bytesMax, sources) : readAtMost(path, bytesMax))
    if (bytes.length <= SECRET_FILE_BYTES_MAX) return { bytes, isOpen }
  } catch (cause) {
    sources.signal?.throwIfAborted()
    const why = codeInWords(systemCode(cause)) || messageOf(cause)
    throw new SnapError('KEY_MISSING', `the ${what} ${path} cannot be read: ${why}`, { hint: HINT, cause })
  }
  throw new SnapError('KEY_MISSING', `the ${what} ${path} is too large to be one`, { hint: HINT })
}

/** The first `bytesMax` bytes: `/dev/zero` has no end. */
async function readAtMost(path: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(bytesMax)
  let length = 0
  await using file = await open(systemPath(path))
  while (length < bytesMax) {
    const { bytesRead } = await file.read(bytes, length, bytesMax - length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return bytes.slice(0, length)
}

/** As the shell's `<(command)` gives. A thread that waits in it could not be had back: this does not need one. */
async function readPipe(
  path: string,
  bytesMax: number,
  { signal, terminal, pipeTimeoutMs = PIPE_TIMEOUT_MS }: SecretSources,
): Promise<Uint8Array<ArrayBuffer>> {
  const limits = [
    ...(signal === undefined ? [] : [signal]),
    ...(terminal === undefined ? [AbortSignal.timeout(pipeTimeoutMs)] : []),
  ]
  // The socket closes it.
  const fd = openSync(systemPath(path), constants.O_RDONLY | constants.O_NONBLOCK)
  const pipe = new Socket({ fd, readable: true, writable: false, signal: AbortSignal.any(limits) })
  const parts: Buffer[] = []
  let length = 0
  for await (const part of pipe as AsyncIterable<Buffer>) {
    parts.push(part)
    length += part.length
    if (length >= bytesMax) break
  }
  return Uint8Array.from(Buffer.concat(parts).subarray(0, bytesMax))
}

/** Without one line ending, as editors and `echo` leave it. */
function withoutNewline(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) end--
  if (end < bytes.length && bytes[end - 1] === 0x0d) end--
  return bytes.slice(0, end)
}
