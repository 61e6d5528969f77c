import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { commandsBelow, shapeOf } from '../../src/cli/command-shape.ts'
import { COMMANDS } from '../../src/cli/commands/index.ts'
import { SHELLS } from '../../src/cli/completion/shells.ts'
import type { Surroundings } from '../../src/cli/context.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { Shells } from '../support/shells.ts'
import { Sandbox } from '../support/snap.ts'

const sandbox = new Sandbox()
const shells = new Shells(sandbox)
const program = shapeOf(
  buildProgram(COMMANDS, { stdout: { write() {} } } as unknown as Surroundings, '0.0.0'),
)
const commands = [program, ...commandsBelow(program)]
const cwd = sandbox.path('work')
const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion'

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}

const configuration = (job: string): string => `
repositories: { local: { path: /nowhere, password: '\${NEVER_SET}' } }
sources:
  bank: { postgres: { database: bank } }
  ledger: { sqlite: /srv/ledger.db }
  docs: { files: [/srv/docs] }
categories:
  critical: { contracts: ['/srv/contracts'], books: [ledger] }
  optional: { pictures: ['/srv/pictures'] }
jobs:
  ${job}: { sources: [bank] }
  weekly: { scope: [critical] }
`

beforeAll(() => {
  write(`${cwd}/report one.txt`, '')
  write(`${cwd}/report [two] *.txt`, '')
  write(`${cwd}/rest/file`, '')
  write(`${cwd}/other file.yaml`, configuration('monthly'))
  write(sandbox.path('home', '.config', 'snap', 'snap.yaml'), configuration('nightly'))
})

describe.each(SHELLS)('%s', (shell) => {
  const complete = (...lines: string[]): Promise<string[][]> => shells.complete(shell, lines, { cwd })
  const one = async (line: string): Promise<string[] | undefined> => (await complete(line))[0]

  it('completes every command', async () => {
    const groups = commands.filter(({ subcommands }) => subcommands.length > 0)
    const found = await complete(...groups.map(({ path }) => `snap ${path} `.replace('  ', ' ')))
    for (const [index, { subcommands }] of groups.entries())
      expect(found[index]).toEqual(subcommands.map(({ path }) => path.split(' ').at(-1)).sort())
    expect(groups.length).toBeGreaterThan(4)
  })

  it('completes every long option of every command, and no other', async () => {
    const found = await complete(...commands.map(({ path }) => `snap ${path} --`.replace('  ', ' ')))
    for (const [index, { path, options }] of commands.entries()) {
      const own = path === '' ? [] : options
      const expected = [...own, ...program.options].map(({ long }) => long).sort()
      expect({ path, options: found[index] }).toEqual({ path, options: expected })
    }
  })

  it('completes values of closed sets, also behind an equals sign and in a list', async () => {
    const modes = ['auto', 'fast', 'max', 'off']
    const found = await complete(
      'snap backup --compression ',
      'snap backup --compression=',
      'snap backup docs --compression m',
      'snap restore --overwrite if-',
      'snap forget -g host,pa',
      'snap completion ',
      'snap find -s ',
      'snap help sn',
      'snap key help re',
    )
    expect(found).toEqual([
      modes,
      modes,
      ['max'],
      ['if-changed', 'if-newer'],
      ['host,paths'],
      ['bash', 'fish', 'zsh'],
      ['latest'],
      ['snapshots'],
      ['remove'],
    ])
  })

  it('completes names of the configuration, also of one that cannot be used here', async () => {
    const found = await complete(
      'snap backup --job ',
      'snap backup --job=we',
      'snap backup --scope ',
      'snap backup --scope critical,o',
      'snap restore --type ',
      'snap restore --source d',
      'snap db test ',
      'snap --quiet db restore --at now ',
      'snap db restore bank --job n',
    )
    expect(found).toEqual([
      ['nightly', 'weekly'],
      ['weekly'],
      ['critical', 'optional'],
      ['critical,optional'],
      ['books', 'contracts', 'pictures'],
      ['docs'],
      ['bank', 'ledger'],
      ['bank', 'ledger'],
      ['nightly'],
    ])
  })

  it('completes a repository by its name in the configuration, or as a directory', async () => {
    const found = await complete('snap --repo lo', 'snap ls --repo=lo', 'snap copy --to l', 'snap --repo re')
    const plain = found.map((words) => words.map((word) => word.replace(/\/$/, '')))
    expect(plain).toEqual([['local'], ['local'], ['local'], ['rest']])
  })

  it('takes the configuration that the line or the environment names', async () => {
    const named = await complete(
      'snap --config other\\ file.yaml backup --job ',
      'snap backup --config="other file.yaml" --job ',
      "snap backup --tag=m --config 'other file.yaml' --job ",
    )
    for (const words of named) expect(words).toEqual(['monthly', 'weekly'])
    const env = { SNAP_CONFIG: `${cwd}/other file.yaml` }
    expect(await shells.complete(shell, ['snap backup --job m'], { cwd, env })).toEqual([['monthly']])
  })

  it('says nothing where there is no configuration, nor where nobody can know', async () => {
    const lines = ['snap backup --job ', 'snap db test ', 'snap backup --host ', 'snap find ']
    const env = { SNAP_CONFIG: `${cwd}/nothing` }
    expect(await shells.complete(shell, lines, { cwd, env })).toEqual([[], [], [], []])
  })

  it('completes paths where paths are taken, whatever their names hold', async () => {
    const unquoted = (words: readonly string[] = []): string[] =>
      words.map((word) => word.replaceAll('\\', '').replace(/\/$/, ''))
    const reports = ['report [two] *.txt', 'report one.txt']
    const found = await complete(
      'snap backup rep',
      'snap backup --full -n rest rep',
      'snap backup --exclude-file rep',
      'snap --config=rep',
      'snap restore latest rep',
      'snap backup -- rep',
    )
    for (const words of found) expect(unquoted(words)).toEqual(reports)
    expect(unquoted(await one('snap restore --target re'))).toEqual(['rest'])
  })

  it('is not confused by options, blanks, quotes and glob characters in front of the cursor', async () => {
    const found = await complete(
      'snap backup "report one.txt" --compress',
      "snap backup -e '*' --exclude '[a' --compress",
      'snap backup -ne * ? --compress',
      "snap --repo 'a b' backup --tag=--job --compress",
      'snap backup report\\ \\[two\\]\\ \\*.txt --compress',
      'snap --repo=x:y@z backup --compress',
      'snap backup --json --compress',
      'snap db --repo x restore --json --even-d',
      'snap restore 1a2b:/srv --overw',
      'snap restore 1a2b:/srv --overwrite ne',
    )
    const compression = Array(7).fill(['--compression'])
    expect(found).toEqual([...compression, ['--even-damaged'], ['--overwrite'], ['never']])
  })

  it('completes neither options nor commands behind --', async () => {
    expect(await complete('snap backup -- --comp', 'snap -- --js')).toEqual([[], []])
  })

  it('knows the program by its other name, and can be made for one name alone', async () => {
    expect(await one('snapkeep backup --job n')).toEqual(['nightly'])
    const { stdout: script } = await sandbox.ok(['completion', shell, '--name', 'snapkeep'])
    const alone = await shells.complete(shell, ['snapkeep backup --comp', 'snap backup --comp'], {
      cwd,
      script,
    })
    expect(alone).toEqual([['--compression'], []])
  })
})

describe('the script', () => {
  it('works in bash beside the package bash-completion', async () => {
    expect(existsSync(BASH_COMPLETION)).toBe(true)
    const lines = ['snap backup --compression=m', 'snap backup --job ', 'snap backup "report o', 'snap ver']
    const found = await shells.complete('bash', lines, { cwd, before: `source ${BASH_COMPLETION}` })
    expect(found).toEqual([['max'], ['nightly', 'weekly'], ['one.txt"'], ['verify']])
  })

  it('works in bash where a word is not taken apart at equals signs', async () => {
    const before = `COMP_WORDBREAKS=$' \\t\\n"\\'><;|&('`
    expect(
      await shells.complete('bash', ['snap backup --compression=m', 'snap --repo=a backup --job=n'], {
        cwd,
        before,
      }),
    ).toEqual([['max'], ['nightly']])
  })

  it('works in zsh as a file of the function path, by any name', async () => {
    const { stdout } = await sandbox.ok(['completion', 'zsh'])
    write(sandbox.path('functions', '_my-snap'), stdout)
    const script = `fpath=(${sandbox.path('functions')} $fpath); autoload -Uz compinit && compinit -D -i`
    const lines = ['snap ver', 'snap backup --job n', 'snapkeep hol']
    expect(await shells.complete('zsh', lines, { cwd, script })).toEqual([['verify'], ['nightly'], ['hold']])
  })

  it('works in fish as a file of the completions directory, before the one for the other snap', async () => {
    const { stdout } = await sandbox.ok(['completion', 'fish'])
    write(sandbox.path('home', '.config', 'fish', 'completions', 'snap.fish'), stdout)
    const script = 'set -p fish_complete_path $HOME/.config/fish/completions'
    const [found] = await shells.complete('fish', ['snap '], { cwd, script })
    expect(found).toEqual(program.subcommands.map(({ path }) => path).sort())
  })

  it('is refused for other shells and for names that are none', async () => {
    const shell = await sandbox.expect(2, ['completion', 'tcsh'])
    expect(shell.stderr).toBe('snap: there is no completion for "tcsh"\nhint: Choose bash, zsh, fish.\n')
    const name = await sandbox.expect(2, ['completion', 'bash', '--name', 'a; b'])
    expect(name.stderr).toContain('"a; b" is no name of a command')
  })

  it('has its hidden command in no help', async () => {
    expect((await sandbox.ok(['--help'])).stdout).not.toContain('__')
    const { stdout, stderr } = await sandbox.ok(['__names', 'toString'])
    expect(stdout + stderr).toBe('')
  })
})
