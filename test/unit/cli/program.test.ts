import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CommandContext, GlobalOptions, Surroundings } from '../../../src/cli/context.ts'
import { buildProgram, type CommandModule, runProgram, wantsJson } from '../../../src/cli/program.ts'

type Call = { globals: GlobalOptions; paths: string[]; options: { label?: string } }

type Ran = { calls: Call[]; out: string }

async function snap(args: string[], env: Record<string, string> = {}): Promise<Ran> {
  const calls: Call[] = []
  let out = ''
  const backup: CommandModule = {
    register(program, run) {
      program
        .command('backup')
        .argument('[path...]')
        .option('--label <text>')
        .addHelpText('after', '\nExample:\n  $ snap backup docs')
        .action(
          run(async (context: CommandContext, paths: string[], options: { label?: string }) => {
            calls.push({ globals: context.globals, paths, options })
          }),
        )
    },
  }
  const key: CommandModule = {
    register(program, run) {
      program
        .command('key')
        .command('list')
        .action(
          run(async (context: CommandContext) => {
            calls.push({ globals: context.globals, paths: [], options: {} })
          }),
        )
    },
  }
  const surroundings = {
    env,
    stdout: {
      write: (text: string) => {
        out += text
      },
      columns: 100,
    },
    stderr: { write: () => {} },
  } as unknown as Surroundings
  await runProgram(buildProgram([backup, key], surroundings, '1.2.3'), args)
  return { calls, out }
}

describe('global options', () => {
  const given = [
    '-q',
    '--json',
    '--no-progress',
    '-vv',
    '--repo',
    'r',
    '--key-file',
    'k',
    '--config',
    'f',
    '--cache-dir',
    'c',
    '-v',
  ]
  const expected: GlobalOptions = {
    quiet: true,
    json: true,
    progress: false,
    verbosity: 3,
    repository: 'r',
    repositoryOption: 'r',
    keyFile: 'k',
    configFile: 'f',
    cacheDirectory: 'c',
  }

  it('are taken before and after the name of a command', async () => {
    for (const args of [
      [...given, 'backup', 'p'],
      ['backup', ...given, 'p'],
      ['backup', 'p', ...given],
      [...given.slice(0, 5), 'backup', 'p', ...given.slice(5)],
      ['backup', ...given, '--', 'p'],
    ]) {
      const { calls } = await snap(
        args.join(' ').replace('--repo backup p r', 'backup p --repo r').split(' '),
      )
      expect(calls.map((call) => [call.globals, call.paths])).toEqual([[expected, ['p']]])
    }
    expect((await snap(['key', 'list', ...given])).calls[0]?.globals).toEqual(expected)
    expect((await snap(['key', ...given, 'list'])).calls[0]?.globals).toEqual(expected)
  })

  it('come from the environment where the command line is silent', async () => {
    const env = { SNAP_REPOSITORY: 'er', SNAP_CACHE_DIR: 'ec' }
    expect((await snap(['backup'], env)).calls[0]?.globals).toEqual({
      quiet: false,
      json: false,
      progress: true,
      verbosity: 0,
      repository: 'er',
      keyFile: undefined,
      configFile: undefined,
      cacheDirectory: 'ec',
    })
    expect((await snap(['backup', '--repo', 'r'], env)).calls[0]?.globals.repository).toBe('r')
    expect((await snap(['backup'], { SNAP_REPOSITORY: '' })).calls[0]?.globals.repository).toBeUndefined()
  })

  it('leave everything behind -- to the command', async () => {
    const { calls } = await snap(['backup', '--label', 'x', '--', '-q', '--json'])
    expect(calls[0]).toMatchObject({
      paths: ['-q', '--json'],
      options: { label: 'x' },
      globals: { quiet: false, json: false },
    })
  })
})

describe('usage', () => {
  it.each([
    [['bakup'], "unknown command 'bakup'", 'Did you mean backup?'],
    [['backup', '--lable', 'x'], "unknown option '--lable'", 'Did you mean --label?'],
    [['backup', '--label'], "option '--label <text>' argument missing", '`snap backup --help`'],
    [['--nonsense'], "unknown option '--nonsense'", '`snap --help`'],
    [['key'], 'a command is missing', '`snap key --help`'],
    [['help', 'bakup'], "unknown command 'bakup'", '`snap --help`'],
    [['backup', ''], 'an argument is empty', 'variable'],
    [['--repo', '', 'backup', 'docs'], '--repo is empty', 'variable'],
    [['backup', 'docs', '--cache-dir='], '--cache-dir is empty', 'variable'],
  ])('refuses %j with a hint', async (args, message, hint) => {
    const failed = snap(args)
    await expect(failed).rejects.toMatchObject({
      code: 'USAGE',
      message,
      hint: expect.stringContaining(hint),
    })
  })

  it('prints help with an example, and the version', async () => {
    expect((await snap(['backup', '--help'])).out).toMatch(
      /--label <text>[\s\S]*Global Options:[\s\S]*--repo[\s\S]*Example:\n {2}\$ snap backup docs/,
    )
    expect((await snap([])).out).toContain('Commands:')
    expect((await snap(['--version'])).out).toBe('1.2.3\n')
  })

  it('knows that JSON is wanted even where the rest does not parse', () => {
    expect(wantsJson(['bakup', '--json'])).toBe(true)
    expect(wantsJson(['backup', '--', '--json'])).toBe(false)
  })
})

it('loads no database, cryptography, compression or system library at the start', () => {
  const packages = new Set<string>()
  const seen = new Set<string>()
  const follow = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(
      /^(?:import|export)\s+(?!type\s)[\w\s{},*]*?from '([^']+)'/gm,
    )) {
      if (name.startsWith('.')) follow(resolve(dirname(path), name))
      else if (!name.startsWith('node:')) packages.add(name)
    }
  }
  follow(new URL('../../../src/cli/program.ts', import.meta.url).pathname)
  expect(seen.size).toBeGreaterThan(3)
  expect([...packages]).toEqual(['commander'])
})
