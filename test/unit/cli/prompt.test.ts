import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const ROOT = new URL('../../..', import.meta.url).pathname
let scratch = ''

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'snap-prompt-'))
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    build: {
      ssr: join(ROOT, 'test/support/ask-secret.ts'),
      outDir: scratch,
      minify: false,
      target: 'node20',
      rollupOptions: { output: { format: 'es', entryFileNames: 'ask.mjs' } },
    },
  })
})

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function onTerminal(
  script: [string, string][],
  ...args: string[]
): Promise<{ shown: string; status: number }> {
  const andThen = '"$@"; status=$?; stty -a | grep -ow -e "-\\?echo"; exit $status'
  const command = [join(ROOT, 'test/support/terminal.py'), JSON.stringify(script), 'sh', '-c', andThen, 'sh']
  command.push(process.execPath, join(scratch, 'ask.mjs'))
  return new Promise((resolve) => {
    execFile('python3', [...command, ...args], (error, shown) =>
      resolve({ shown, status: Number(error?.code ?? 0) }),
    )
  })
}

const hex = (text: string): string => Buffer.from(text).toString('hex')

describe('the password prompt on a real terminal', () => {
  it('takes what is typed without showing it', async () => {
    const { shown, status } = await onTerminal([['password: ', 's3cret ö\r']])
    expect(shown).toBe(`password: \r\ngot ${hex('s3cret ö')}.\r\necho\r\n`)
    expect(status).toBe(0)
  })

  it('handles backspace over whole characters, Ctrl-U and arrow keys', async () => {
    const { shown } = await onTerminal([
      ['password: ', 'wrong\u0015abö\u007f\u007fc\u001b[Dd\u001b[1;5Ce🎉\u0008\r'],
    ])
    expect(shown).toContain(`got ${hex('acde')}.`)
  })

  it('ends with INTERRUPTED at Ctrl-C and leaves the terminal as it was', async () => {
    const { shown, status } = await onTerminal([['password: ', 'abc\u0003']])
    expect(shown).toContain('INTERRUPTED')
    expect(shown).not.toContain('abc')
    expect(shown).toMatch(/^echo\r$/m)
    expect(status).toBe(1)
  })

  it('ends with KEY_MISSING at Ctrl-D and for an empty password', async () => {
    expect((await onTerminal([['password: ', '\u0004']])).shown).toContain('KEY_MISSING')
    expect((await onTerminal([['password: ', '\r']])).shown).toContain('KEY_MISSING: the password is empty')
  })

  it('asks twice for a new one', async () => {
    const script: [string, string][] = [
      ['new password: ', 'abc\r'],
      ['the same again: ', 'abc\r'],
    ]
    expect((await onTerminal(script, 'new')).shown).toContain(`got ${hex('abc')}.`)
  })

  it('takes both answers where they were typed ahead', async () => {
    expect((await onTerminal([['new password: ', 'abc\rabc\r']], 'new')).shown).toContain(
      `got ${hex('abc')}.`,
    )
  })

  it('refuses a new one that was typed differently the second time', async () => {
    const script: [string, string][] = [
      ['new password: ', 'abc\r'],
      ['the same again: ', 'abd\r'],
    ]
    expect((await onTerminal(script, 'new')).shown).toContain('USAGE: the two passwords differ')
  })
})
