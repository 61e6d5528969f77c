import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chooseSecret, findSecret, type Secret, type SecretSources } from '../../../src/cli/password.ts'
import { outputOfCommand } from '../../../src/cli/password-command.ts'
import { encodeKeyFile } from '../../../src/keys/key-file.ts'
import { repositoryId } from '../../../src/model/ids.ts'

const ID = repositoryId('00112233445566778899aabbccddeeff')
let scratch = ''
beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-secret-'))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function file(name: string, text: string, mode = 0o600): string {
  const path = join(scratch, name)
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

const { PATH } = process.env

async function find(
  env: Record<string, string>,
  change: Partial<SecretSources> = {},
): Promise<Secret & { warnings: string[] }> {
  const warnings: string[] = []
  const secret = await findSecret({ env: { PATH, ...env }, warn: (text) => warnings.push(text), ...change })
  return { ...secret, warnings }
}

const text = (secret: Secret): string =>
  secret.kind === 'password' ? Buffer.from(secret.bytes).toString() : secret.text

describe('findSecret', () => {
  it('takes the first source that is given, in the documented order', async () => {
    const sources: [string, string][] = [
      ['SNAP_KEY_FILE', file('env.key', 'from SNAP_KEY_FILE')],
      ['SNAP_PASSWORD', 'from SNAP_PASSWORD'],
      ['SNAP_PASSWORD_FILE', file('password', 'from SNAP_PASSWORD_FILE\n')],
      ['SNAP_PASSWORD_COMMAND', 'echo from SNAP_PASSWORD_COMMAND'],
    ]
    const defaultKeyFile = file('default.key', 'from default')
    for (const [index, [name]] of sources.entries()) {
      const env = Object.fromEntries(sources.slice(index))
      expect(text(await find(env, { defaultKeyFile }))).toBe(`from ${name}`)
    }
    expect(text(await find({}, { defaultKeyFile }))).toBe('from default')
    const keyFile = file('given.key', 'from --key-file')
    expect(await find(Object.fromEntries(sources), { keyFile })).toMatchObject({
      kind: 'keyFile',
      path: keyFile,
      text: 'from --key-file',
    })
  })

  it('strips one line ending only', async () => {
    expect(text(await find({ SNAP_PASSWORD_FILE: file('crlf', ' a b \r\n') }))).toBe(' a b ')
    expect(text(await find({ SNAP_PASSWORD_FILE: file('two', 'a\n\n') }))).toBe('a\n')
    expect(text(await find({ SNAP_PASSWORD: 'a\n' }))).toBe('a\n')
  })

  it('keeps bytes that are not UTF-8', async () => {
    const secret = await find({ SNAP_PASSWORD_COMMAND: "printf '\\377\\001'" })
    expect(secret.kind === 'password' && [...secret.bytes]).toEqual([255, 1])
  })

  it('warns where others can read the file', async () => {
    expect((await find({ SNAP_PASSWORD_FILE: file('open', 'x', 0o644) })).warnings).toHaveLength(1)
    expect((await find({ SNAP_PASSWORD_FILE: file('closed', 'x', 0o400) })).warnings).toEqual([])
    const key = encodeKeyFile({ repositoryId: ID, secret: new Uint8Array(32) })
    expect((await find({ SNAP_KEY_FILE: file('open.key', key, 0o644) })).warnings).toHaveLength(1)
    expect((await find({ SNAP_KEY_FILE: file('closed.key', key, 0o600) })).warnings).toEqual([])
  })

  it('warns of no file that is another thing than a key, taken for one by mistake', async () => {
    expect((await find({ SNAP_KEY_FILE: file('hostname', 'vm\n', 0o644) })).warnings).toEqual([])
  })

  it('fails where the given source cannot be had, and never tries the next', async () => {
    const failing = (env: Record<string, string>): Promise<unknown> => find({ ...env })
    const missing = { code: 'KEY_MISSING' }
    await expect(failing({ SNAP_KEY_FILE: join(scratch, 'none'), SNAP_PASSWORD: 'x' })).rejects.toMatchObject(
      missing,
    )
    await expect(failing({ SNAP_PASSWORD_FILE: file('empty', '\n') })).rejects.toThrow('is empty')
    await expect(failing({ SNAP_PASSWORD_FILE: file('huge', 'x'.repeat(70_000)) })).rejects.toThrow(
      'too large',
    )
    // Neither ends by itself.
    await expect(failing({ SNAP_KEY_FILE: '/dev/zero' })).rejects.toThrow('too large')
    await expect(failing({ SNAP_PASSWORD_COMMAND: 'yes; true' })).rejects.toThrow('too much')
    const failed = failing({ SNAP_PASSWORD_COMMAND: 'echo hush; exit 3' })
    await expect(failed).rejects.toThrow('exit status 3')
    await expect(failed).rejects.not.toThrow('hush')
    await expect(failing({ SNAP_PASSWORD: '' })).rejects.toMatchObject({
      ...missing,
      hint: expect.stringContaining('SNAP_PASSWORD'),
    })
  })

  it('never takes the default key file as a new secret', async () => {
    const defaultKeyFile = file('default.key', 'k')
    await expect(chooseSecret({ env: {}, warn: () => {}, defaultKeyFile })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    })
  })
})

/** A process that nobody has asked for its end yet is none. */
const isRunning = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))

/** Keeps a pipe open, without waiting for who reads it. */
function holding(pipe: string): Disposable & { write(text: string): void } {
  const fd = openSync(pipe, constants.O_RDWR)
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(fd)
    isOpen = false
  }
  return {
    write(words) {
      writeSync(fd, words)
      close()
    },
    [Symbol.dispose]: close,
  }
}

describe('what never answers', () => {
  const waiting = (command: string, ms = 500) =>
    find({ SNAP_PASSWORD_COMMAND: command }, { signal: AbortSignal.timeout(ms) })

  it('is ended with who waits for it, and with all that it has started', async () => {
    const pidFile = join(scratch, 'pid')
    const began = Date.now()
    await expect(waiting(`sleep 600 & echo $! > ${pidFile}; wait`)).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    expect(Date.now() - began).toBeLessThan(3_000)
    const pid = Number(readFileSync(pidFile, 'utf8'))
    await expect.poll(() => isRunning(pid), { timeout: 3_000 }).toBe(false)
  })

  it('is killed where it does not end by itself', async () => {
    await expect(waiting(`trap '' TERM; while :; do sleep 1; done`)).rejects.toMatchObject({
      name: 'TimeoutError',
    })
  })

  it('is not waited for longer than a manager of passwords takes, where nobody is there to be asked', async () => {
    const command = { command: 'sleep 600', env: { PATH }, hasTerminal: false, bytesMax: 100, timeoutMs: 300 }
    await expect(outputOfCommand(command)).rejects.toMatchObject({
      code: 'KEY_MISSING',
      message: 'SNAP_PASSWORD_COMMAND did not end within 0.3 s',
    })
  })

  it('is not waited for where the command has left it in the background with the pipe, and not ended', async () => {
    const pidFile = join(scratch, 'background')
    const began = Date.now()
    expect(text(await waiting(`sleep 600 & echo $! > ${pidFile}; sleep 0.1; echo hush`, 10_000))).toBe('hush')
    expect(Date.now() - began).toBeLessThan(5_000)
    const pid = Number(readFileSync(pidFile, 'utf8'))
    expect(isRunning(pid)).toBe(true)
    process.kill(pid)
  })

  it('may be a pipe into which nobody writes', async () => {
    const pipe = join(scratch, 'pipe')
    execFileSync('mkfifo', ['-m', '600', pipe])
    await expect(find({ SNAP_PASSWORD_FILE: pipe }, { pipeTimeoutMs: 300 })).rejects.toMatchObject({
      code: 'KEY_MISSING',
    })
    using writer = holding(pipe)
    const signal = AbortSignal.timeout(500)
    await expect(find({ SNAP_PASSWORD_FILE: pipe }, { signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    const found = find({ SNAP_PASSWORD_FILE: pipe })
    setTimeout(() => writer.write('late\n'), 200)
    expect(text(await found)).toBe('late')
  })
})
