/** Holds `docs/cli.md` and the program equal: every command and long option, and nothing that does not exist. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands/index.ts'
import type { Surroundings } from '../../../src/cli/context.ts'
import { buildProgram } from '../../../src/cli/program.ts'

type Documented = { readonly path: string; readonly options: ReadonlySet<string> }

const text = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')
const program = buildProgram(COMMANDS, { stdout: { write() {} } } as unknown as Surroundings, '0.0.0')

/** Long options in a piece of text. */
function optionsIn(piece: string): Set<string> {
  return new Set([...piece.matchAll(/(?<![\w-])--[a-z][a-z-]*/g)].map(([option]) => option))
}

function longOptions(command: Command): string[] {
  return command.options.flatMap(({ long }) => (typeof long === 'string' ? [long] : []))
}

/** Every command by its path, as `key add`; groups too. */
function commands(parent: Command, prefix = ''): { path: string; command: Command }[] {
  const visible = new Set(parent.createHelp().visibleCommands(parent))
  return parent.commands
    .filter((command) => visible.has(command))
    .flatMap((command) => {
      const path = `${prefix}${command.name()}`
      return [{ path, command }, ...commands(command, `${path} `)]
    })
}

/** The sections that are headed by a command, without those of its subcommands. */
function sections(): Documented[] {
  return text
    .split(/^(?=#{2,3} )/m)
    .filter((section) => /^#+ snap /.test(section))
    .map((section) => ({
      path: /^#+ snap (.+)$/m.exec(section)?.[1] ?? '',
      options: optionsIn(section),
    }))
}

const globals = [...longOptions(program), '--help']

describe('docs/cli.md', () => {
  it('has a section for each command and no other', () => {
    expect(sections().map(({ path }) => path)).toEqual(commands(program).map(({ path }) => path))
  })

  it('names every global option in front of the commands', () => {
    const [head = ''] = text.split(/^## snap /m)
    expect(globals.filter((option) => !optionsIn(head).has(option))).toEqual([])
  })

  it.each(commands(program))('names every option of snap $path', ({ path, command }) => {
    const documented = sections().find((section) => section.path === path)?.options ?? new Set()
    expect(longOptions(command).filter((option) => !documented.has(option))).toEqual([])
  })

  it.each(commands(program))('names no option that snap $path does not have', ({ path, command }) => {
    const documented = sections().find((section) => section.path === path)?.options ?? new Set<string>()
    const known = new Set([...longOptions(command), ...globals])
    expect([...documented].filter((option) => !known.has(option))).toEqual([])
  })

  it('names no option at all that the program does not have', () => {
    const known = new Set([...globals, ...commands(program).flatMap(({ command }) => longOptions(command))])
    expect([...optionsIn(text)].filter((option) => !known.has(option))).toEqual([])
  })

  it('calls only commands that exist in its examples', () => {
    const known = commands(program).map(({ path }) => path)
    const called = [...text.matchAll(/^snap (.+)$/gm)].map(([, rest = '']) => rest)
    expect(called.length).toBeGreaterThan(10)
    expect(called.filter((rest) => !known.some((path) => `${rest} `.startsWith(`${path} `)))).toEqual([])
  })
})
