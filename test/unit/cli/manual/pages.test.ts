import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandsBelow, shapeOf } from '../../../../src/cli/command-shape.ts'
import { COMMANDS } from '../../../../src/cli/commands/index.ts'
import type { Surroundings } from '../../../../src/cli/context.ts'
import { readHelpText } from '../../../../src/cli/manual/help-text.ts'
import { manualPages } from '../../../../src/cli/manual/pages.ts'
import { EXIT_MEANINGS, files, VARIABLES } from '../../../../src/cli/manual/tables.ts'
import {
  EXIT_CLOSED_PIPE,
  EXIT_FETCH_FAILED,
  EXIT_OK,
  EXIT_STATUS,
} from '../../../../src/cli/output/errors.ts'
import { buildProgram } from '../../../../src/cli/program.ts'

const ROOT = resolve(import.meta.dirname, '../../../..')
const surroundings = { stdout: { write() {} } } as unknown as Surroundings
const program = shapeOf(buildProgram(COMMANDS, surroundings, '1.2.3'))
const pages = manualPages(program, '1.2.3')
const commands = program.subcommands.filter(({ path }) => path !== 'help')

/** What both renderers complain of. */
function complaints(page: string): string {
  const options = { input: page, encoding: 'utf8' } as const
  const groff = execFileSync('sh', ['-c', 'groff -man -Tutf8 -ww -z 2>&1'], options)
  // There is no date, so that the same source makes the same page.
  const lint = execFileSync('sh', ['-c', 'mandoc -Tlint -Wwarning || true'], options)
  const lines = lint.split('\n').filter((line) => line !== '' && !line.includes('missing date'))
  return groff + lines.join('\n')
}

/** What a reader sees on a wide screen. */
function rendered(page: string): string {
  const options = ['-man', '-Tascii', '-rLL=300n', '-P-cbou']
  return execFileSync('groff', options, { input: page, encoding: 'utf8' })
}

describe('the manual', () => {
  it('has a page for the program, by both of its names, and one for each command', () => {
    const expected = ['snap.1', 'snapkeep.1', ...commands.map(({ path }) => `snap-${path}.1`)]
    expect([...pages.keys()]).toEqual(expected)
    expect(commands).toHaveLength(COMMANDS.length)
  })

  it('is installed by npm: package.json names every page', () => {
    const { man } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    expect([...man].sort()).toEqual([...pages.keys()].map((name) => `man/${name}`).sort())
  })

  it.each([...pages])('has no mistake in %s that groff or mandoc would see', (_, page) => {
    expect(complaints(page)).toBe('')
  })

  it('would be found to have one', () => {
    expect(complaints('.TH X 1 "" "" ""\n.SH NAME\nx\n.RE\n\\fQ\\*[none]\n')).toMatch(/groff|troff/)
    expect(complaints('.TH X 1 "" "" ""\n.SH NAME\n.PP\nx\n')).toMatch(/skipping paragraph/)
  })

  it.each(commands)('says of snap $path all that help says', (command) => {
    const text = rendered(pages.get(`snap-${command.path}.1`) ?? '')
    const below = [command, ...commandsBelow(command)].filter(({ path }) => !path.endsWith('help'))
    for (const { path, description, options, arguments: given, more } of below) {
      expect(text).toContain(`snap ${path}`)
      expect(text.toLowerCase()).toContain(description.toLowerCase())
      for (const { short, long, value, explanation } of [...options, ...program.options]) {
        const spelt = `${short === undefined ? '' : `${short}, `}${long}${value === undefined ? '' : ` ${value}`}`
        expect(text).toMatch(new RegExp(`^ +${literally(spelt)}\\s`, 'm'))
        expect(text).toContain(explanation.replaceAll('`', ''))
      }
      for (const { name, explanation } of given) {
        expect(text).toMatch(new RegExp(`^ +${literally(name)}`, 'm'))
        expect(text).toContain(explanation.replaceAll('`', ''))
      }
      const { examples, statuses } = readHelpText(more)
      for (const line of examples) expect(text).toContain(`       ${line}\n`)
      for (const meaning of statuses.values())
        expect(text).toContain(`here: ${meaning.replaceAll('\n', ' ')}`)
    }
    expect(readHelpText(command.more).examples.length).toBeGreaterThan(0)
  })

  it.each(['snap.1', 'snapkeep.1'])('names in %s every command and option of the program', (name) => {
    const text = rendered(pages.get(name) ?? '')
    for (const { path } of commands) expect(text).toContain(`snap-${path}(1)`)
    for (const { long } of program.options) expect(text).toContain(long)
    for (const { linux, macos } of files()) for (const path of [linux, macos]) expect(text).toContain(path)
    for (const [names] of VARIABLES) expect(text).toContain(names)
  })
})

describe('what the manual says beside the commands', () => {
  it('has the exit statuses of the program, in the words of docs/errors.md', () => {
    const known = [...new Set([EXIT_OK, EXIT_CLOSED_PIPE, EXIT_FETCH_FAILED, ...Object.values(EXIT_STATUS)])]
    expect(Object.keys(EXIT_MEANINGS).map(Number)).toEqual(known.sort((a, b) => a - b))
    const errors = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    const rows = [...errors.matchAll(/^\| (\d+) \| (.+) \|$/gm)]
    expect(
      Object.fromEntries(rows.map(([, status, meaning]) => [status, meaning?.replace('\\|', '|')])),
    ).toEqual(EXIT_MEANINGS)
  })

  it('has every variable that docs/cli.md and the command line have', () => {
    const named = VARIABLES.flatMap(([names]) => names.split(', '))
    const variables = (text: string): string[] => text.match(/\b(?:AWS|SNAP|XDG)_[A-Z_]*[A-Z]\b/g) ?? []
    const documented = variables(readFileSync(join(ROOT, 'docs/cli.md'), 'utf8'))
    const sources = readdirSync(join(ROOT, 'src/cli'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('manual'))
      .flatMap((path) => variables(readFileSync(join(ROOT, 'src/cli', path), 'utf8')))
    expect([...new Set([...documented, ...sources])].sort()).toEqual([...named].sort())
  })
})

const literally = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
