import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Command, commandOutput } from '../../../../src/jobs/sources/command-output.ts'

let directory: string
const quiet = new AbortController().signal

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snap-command-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

async function outputOf(command: Command, said: string[] = []): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const bytes of commandOutput(command, quiet, { said: (line) => said.push(line) }))
    parts.push(bytes)
  return Buffer.concat(parts).toString()
}

const shell = (script: string): Command => ({ argv: ['sh', '-c', script] })

/** Of a process whose number a file has. */
function isRunning(file: string): boolean {
  try {
    const state = readFileSync(`/proc/${readFileSync(file, 'utf8').trim()}/stat`, 'utf8')
    return !/\) Z /.test(state)
  } catch {
    return false
  }
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; !condition(); tries++) {
    if (tries > 500) throw new Error('it does not happen')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

describe('the output of a command', () => {
  it('is all that it prints, and nothing of what it says', async () => {
    const said: string[] = []
    expect(await outputOf(shell('echo a; echo one >&2; echo b; printf two >&2'), said)).toBe('a\nb\n')
    expect(said).toEqual(['one', 'two'])
  })

  it('passes 20 MB on as they are', async () => {
    const text = await outputOf(shell('yes 0123456789abcde | head -c 20000000'))
    expect(text.length).toBe(20_000_000)
    expect(text.slice(-32)).toBe('0123456789abcde\n'.repeat(2))
  })

  it('goes through no shell', async () => {
    expect(await outputOf({ argv: ['echo', '$HOME', '; rm -rf *'] })).toBe('$HOME ; rm -rf *\n')
  })

  it('has the environment, directory and input that it is given', async () => {
    const command: Command = {
      argv: ['sh', '-c', 'echo $GREETING; pwd; cat'],
      env: { GREETING: 'hello' },
      cwd: directory,
      input: 'from above',
    }
    expect(await outputOf(command)).toBe(`hello\n${directory}\nfrom above`)
  })

  it('has 50 MB of input though it reads slowly, and no listener is left at any of the many waits', async () => {
    const warnings: Error[] = []
    const warn = (warning: Error): void => void warnings.push(warning)
    process.on('warning', warn)
    async function* input(): AsyncGenerator<Uint8Array> {
      for (let left = 800; left > 0; left -= 1) yield new Uint8Array(65_536)
    }
    const script = 'sleep 0.2; head -c 1000000 > /dev/null; sleep 0.2; wc -c'
    const counted = await outputOf({ ...shell(script), input: input() })
    // `head` may take more than it passes on.
    expect(Number(counted)).toBeGreaterThan(51_000_000)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warn)
    expect(warnings).toEqual([])
  })

  it.each<[string, string]>([
    [
      'echo half; echo details >&2; echo "no such table" >&2; exit 3',
      'sh ended with status 3: no such table',
    ],
    ['exit 1', 'sh ended with status 1'],
    [
      'echo "x: error: refused" >&2; echo "  Is it running?" >&2; exit 1',
      'sh ended with status 1: x: error: refused',
    ],
    ['kill -9 $$', 'sh was ended by SIGKILL'],
  ])('fails with %j', async (script, message) => {
    await expect(outputOf(shell(script))).rejects.toThrow(new Error(message))
  })

  it('fails where the command is not there', async () => {
    const missing = join(directory, 'dump')
    await expect(outputOf({ argv: [missing] })).rejects.toThrow(
      `${missing} cannot be run: no such file or directory`,
    )
  })

  it('ends the command, and what that started, when the reader goes', async () => {
    const script = `sleep 600 & echo $! > ${directory}/child; echo $$ > ${directory}/own; yes`
    for await (const bytes of commandOutput(shell(script), quiet)) if (bytes.length > 0) break
    expect(isRunning(join(directory, 'own'))).toBe(false)
    await until(() => !isRunning(join(directory, 'child')))
  })

  it('ends a command that prints nothing when the run is interrupted', async () => {
    const controller = new AbortController()
    const script = `echo $$ > ${directory}/own; exec sleep 600`
    const reading = commandOutput(shell(script), controller.signal).next()
    await until(() => existsSync(join(directory, 'own')))
    controller.abort(new Error('interrupted'))
    await expect(reading).rejects.toThrow('interrupted')
    expect(isRunning(join(directory, 'own'))).toBe(false)
  })

  it('kills a command that does not want to end', { timeout: 20_000 }, async () => {
    const script = `trap '' TERM; echo $$ > ${directory}/own; echo ready; while :; do sleep 1; done`
    for await (const bytes of commandOutput(shell(script), quiet)) if (bytes.length > 0) break
    expect(isRunning(join(directory, 'own'))).toBe(false)
  })
})
