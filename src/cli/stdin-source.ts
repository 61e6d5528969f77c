/** What a pipe or a command gives `snap backup` to save, as restic's users know it: `--stdin`, `--stdin-from-command`, `--stdin-filename`. */
import { SnapError } from '../model/errors.ts'
import type { StreamedDirectory } from '../ops/backup/streamed-file.ts'
import type { CommandContext } from './context.ts'
import { stderrNote } from './output/notes.ts'

export type StdinOptions = {
  readonly stdin: boolean
  readonly stdinFromCommand: boolean
  readonly stdinFilename?: string
}

/** Where in the snapshot it lies. */
const DIRECTORY = '@stdin'
const DEFAULT_NAME = 'stdin'

/** `undefined` where paths alone are meant. `args`: what else the command line names: paths, or the command. `USAGE` for a contradiction. */
export function stdinDirectory(
  context: CommandContext,
  args: readonly string[],
  { stdin, stdinFromCommand, stdinFilename }: StdinOptions,
): StreamedDirectory | undefined {
  if (stdin && stdinFromCommand)
    refuse('--stdin and --stdin-from-command were both given', 'Give one of them.')
  if (!stdin && !stdinFromCommand) {
    if (stdinFilename !== undefined)
      refuse('--stdin-filename goes with --stdin or --stdin-from-command', 'Give one of them too.')
    return undefined
  }
  const name = nameOf(stdinFilename)
  if (stdin) {
    if (args.length > 0)
      refuse('paths and --stdin were both given', 'Save them one after the other, or as a job.')
    if (context.stdin.isTTY === true)
      refuse('standard input is a terminal', 'Pipe something into it: `pg_dump app | snap backup --stdin`.')
    return { name: DIRECTORY, files: [{ name, open: once(context.stdin) }] }
  }
  const [program, ...rest] = args
  if (program === undefined)
    throw new SnapError('USAGE', '--stdin-from-command needs a command', {
      hint: 'Put it behind two dashes: `snap backup --stdin-from-command -- pg_dump app`.',
    })
  const open = async function* (signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const { commandOutput } = await import('../jobs/sources/command-output.ts')
    const said = (line: string): void => stderrNote(context, line)
    yield* commandOutput({ argv: [program, ...rest] }, signal, { said })
  }
  return { name: DIRECTORY, files: [{ name, open }] }
}

function nameOf(text = DEFAULT_NAME): string {
  const name = text.startsWith('/') ? text.slice(1) : text
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    refuse(`"${text}" is no name for a file`, 'Give a name without slashes.')
  return name
}

/** A pipe cannot be read again. */
function once(stdin: NodeJS.ReadStream): () => AsyncIterable<Uint8Array> {
  let isRead = false
  return () => {
    if (isRead) throw new Error('standard input cannot be read twice')
    isRead = true
    return stdin
  }
}

function refuse(message: string, hint: string): never {
  throw new SnapError('USAGE', message, { hint })
}
