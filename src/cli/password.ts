/**
 * Where the secret that opens a repository comes from: a key file, the environment, a command, or the person at
 * the terminal. It never logs a secret, and does not know whether one is right.
 */
import { spawn } from 'node:child_process'
import { open, stat } from 'node:fs/promises'
import { systemPath } from '../base/names.ts'
import { codeInWords, systemCode } from '../filesystem/system-error.ts'
import { isKeyFile } from '../keys/key-file.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { type Environment, variable } from './locations.ts'
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
}

const OPEN_TO_OTHERS = 0o077
const SECRET_FILE_BYTES_MAX = 65_536
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

async function givenSecret({ keyFile, env, warn, learned }: SecretSources): Promise<Secret | undefined> {
  const file = keyFile ?? variable(env, 'SNAP_KEY_FILE')
  if (file !== undefined) return readKeyFile(file, warn)
  const password = variable(env, 'SNAP_PASSWORD')
  if (password !== undefined) return { kind: 'password', bytes: Uint8Array.from(Buffer.from(password)) }
  const passwordFile = variable(env, 'SNAP_PASSWORD_FILE')
  if (passwordFile !== undefined) {
    const { bytes, isOpen } = await readSecretFile(passwordFile, 'password file')
    if (isOpen) warnOfOthers(passwordFile, 'password file', warn)
    const line = notEmpty(withoutNewline(bytes), `the password file ${passwordFile}`)
    learned?.(Buffer.from(line).toString())
    return { kind: 'password', bytes: line }
  }
  const command = variable(env, 'SNAP_PASSWORD_COMMAND')
  if (command === undefined) return undefined
  const bytes = notEmpty(withoutNewline(await outputOf(command, env)), 'the output of SNAP_PASSWORD_COMMAND')
  learned?.(Buffer.from(bytes).toString())
  return { kind: 'password', bytes }
}

async function defaultSecret({ defaultKeyFile, warn }: SecretSources): Promise<Secret | undefined> {
  if (defaultKeyFile === undefined) return undefined
  const exists = await stat(systemPath(defaultKeyFile)).then(
    () => true,
    () => false,
  )
  return exists ? readKeyFile(defaultKeyFile, warn) : undefined
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

async function readKeyFile(path: string, warn: (text: string) => void): Promise<Secret> {
  const { bytes, isOpen } = await readSecretFile(path, 'key file')
  const text = Buffer.from(bytes).toString('utf8')
  // What is none holds no secret, and may be meant for others.
  if (isOpen && isKeyFile(text)) warnOfOthers(path, 'key file', warn)
  return { kind: 'keyFile', path, text }
}

function warnOfOthers(path: string, what: string, warn: (text: string) => void): void {
  warn(`the ${what} ${path} can be read by others; run chmod 600 on it`)
}

/** `isOpen`: to others than its owner. */
type SecretFile = { readonly bytes: Uint8Array<ArrayBuffer>; readonly isOpen: boolean }

async function readSecretFile(path: string, what: string): Promise<SecretFile> {
  try {
    const { mode } = await stat(systemPath(path))
    const isOpen = process.platform !== 'win32' && (mode & OPEN_TO_OTHERS) !== 0
    const bytes = await readAtMost(path, SECRET_FILE_BYTES_MAX + 1)
    if (bytes.length <= SECRET_FILE_BYTES_MAX) return { bytes, isOpen }
  } catch (cause) {
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

/** Without one line ending, as editors and `echo` leave it. */
function withoutNewline(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let end = bytes.length
  if (bytes[end - 1] === 0x0a) end--
  if (end < bytes.length && bytes[end - 1] === 0x0d) end--
  return bytes.slice(0, end)
}

/** What `command` prints, run by the shell. It may talk to the person through stdin and stderr. */
async function outputOf(command: string, env: Environment): Promise<Uint8Array<ArrayBuffer>> {
  const child = spawn(command, { shell: true, stdio: ['inherit', 'pipe', 'inherit'], env: { ...env } })
  const parts: Buffer[] = []
  let length = 0
  child.stdout.on('data', (part: Buffer) => {
    length += part.length
    if (length > SECRET_FILE_BYTES_MAX) {
      child.stdout.destroy()
      child.kill()
    } else parts.push(part)
  })
  const end = await new Promise<string>((resolve) => {
    child.on('error', (error) => resolve(`could not be run: ${error.message}`))
    child.on('close', (status, signal) =>
      resolve(status === 0 ? '' : `ended with ${signal ?? `exit status ${status}`}`),
    )
  })
  if (length > SECRET_FILE_BYTES_MAX)
    throw new SnapError('KEY_MISSING', 'SNAP_PASSWORD_COMMAND prints too much to be a password', {
      hint: HINT,
    })
  if (end !== '')
    throw new SnapError('KEY_MISSING', `SNAP_PASSWORD_COMMAND ${end}`, {
      hint: 'Run the command by hand to see why.',
    })
  const bytes = Uint8Array.from(Buffer.concat(parts))
  for (const part of parts) part.fill(0)
  return bytes
}
