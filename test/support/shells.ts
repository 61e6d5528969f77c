/** Asks real shells for the completions of lines, with the script that the built command prints. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Shell } from '../../src/cli/completion/shells.ts'
import { PROGRAM, type Sandbox } from './snap.ts'

const SUPPORT = import.meta.dirname

export type Asking = {
  readonly cwd: string
  readonly env?: Readonly<Record<string, string>>
  /** What the shell reads before the script. */
  readonly before?: string
  /** Instead of the script for `snap` and `snapkeep`. */
  readonly script?: string
}

export class Shells {
  readonly #sandbox: Sandbox
  readonly #bin: string
  #count = 0

  constructor(sandbox: Sandbox) {
    this.#sandbox = sandbox
    this.#bin = sandbox.path('bin')
    mkdirSync(this.#bin)
    for (const name of ['snap', 'snapkeep']) {
      const path = join(this.#bin, name)
      writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`)
      chmodSync(path, 0o755)
    }
  }

  /** The words that the shell offers for what stands at the end of each line, sorted, and without what says that more follows. */
  async complete(shell: Shell, lines: readonly string[], asking: Asking): Promise<string[][]> {
    const script = asking.script ?? (await this.#sandbox.ok(['completion', shell])).stdout
    this.#count += 1
    const place = this.#sandbox.path(`shell-${this.#count}`)
    writeFileSync(place, `${asking.before ?? ''}\n${script}`)
    const env = {
      ...this.#sandbox.environment(asking.env),
      PATH: `${this.#bin}:${process.env['PATH']}`,
    }
    const run = (program: string, args: readonly string[], input: string): Promise<string> =>
      output(program, args, { cwd: asking.cwd, env }, input)
    if (shell === 'fish') {
      const input = lines.map((line) => `${line}\0`).join('')
      const said = await run('fish', ['--no-config', join(SUPPORT, 'complete.fish'), place], input)
      return said.split('\0').slice(0, -1).map(fishWords)
    }
    const said = await run(
      'python3',
      [join(SUPPORT, 'complete.py'), shell, place, `${place}.log`],
      JSON.stringify(lines),
    )
    const after = JSON.parse(said) as string[]
    return lines.map((line, index) => insertedWords(line, after[index] ?? ''))
  }
}

/** Each line is a word, and behind a tab what it is. */
function fishWords(said: string): string[] {
  const words = said.split('\n').map((line) => line.split('\t')[0] ?? '')
  return words
    .map(withoutOption)
    .filter((word) => word !== '')
    .sort()
}

/** Some shells offer `--config=FILE`, some `FILE`. */
const withoutOption = (word: string): string => word.replace(/^--[\w-]+=(?=.)/, '')

/** All completions stand in the place of the last word; that itself where there are none. */
function insertedWords(line: string, after: string): string[] {
  const start = line.lastIndexOf(' ') + 1
  if (after === line) return []
  return after
    .slice(start)
    .split(/(?<!\\) /)
    .map((word) => withoutOption(word).replace(/(?<=.)[=,/]$/, ''))
    .filter((word) => word !== '')
    .sort()
}

function output(
  program: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
  input: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { ...options, encoding: 'utf8' }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${program}: ${error.message}\n${stderr}`))
      else if (stderr !== '') reject(new Error(`${program}: ${stderr}`))
      else resolve(stdout)
    })
    child.stdin?.end(input)
  })
}
