/**
 * The command line as a whole: global options, commands, help, and usage errors in our own words. A command is one
 * module that registers itself and loads its operation only when it runs, so that `snap --help` starts fast.
 */
import { Command, CommanderError, Help } from 'commander'
import { assert } from '../base/assert.ts'
import { SnapError } from '../model/errors.ts'
import { addGlobalOptions, type CommandContext, readGlobalOptions, type Surroundings } from './context.ts'

/**
 * Wraps what a command does into an action for commander: `action(context, ...arguments, options)`. Errors reject;
 * whoever parses the command line renders them.
 */
export type Run = <Arguments extends unknown[]>(
  action: (context: CommandContext, ...args: Arguments) => Promise<void>,
) => (...args: [...Arguments, Command]) => Promise<void>

export type CommandModule = {
  /** Adds one command (with its subcommands) to `program`, an example in its help by `addHelpText`. */
  register(program: Command, run: Run): void
}

export function buildProgram(
  commands: readonly CommandModule[],
  surroundings: Surroundings,
  version: string,
): Command {
  const program = addGlobalOptions(new Command('snap'))
    .description('Encrypted, deduplicated snapshots of files.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .configureHelp({
      showGlobalOptions: true,
      sortSubcommands: false,
      // That a switch is off and a list empty goes without saying.
      optionDescription: (option) =>
        option.defaultValue === false || Array.isArray(option.defaultValue)
          ? option.description
          : new Help().optionDescription(option),
    })
    .configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: () => {},
      // Some terminals do not know their width, and say 0.
      getOutHelpWidth: () => surroundings.stdout.columns || 80,
    })
    .exitOverride()
    .addHelpText(
      'after',
      `
Without --repo, a repository in the home directory is used where there is one, else the one of the configuration; without either,
the first backup makes it in the home directory. Another one is opened by --key-file, or by a password from SNAP_PASSWORD, SNAP_PASSWORD_FILE, SNAP_PASSWORD_COMMAND or the terminal.

Examples:
  $ snap backup ~/documents
  $ snap snapshots
  $ snap restore latest --target /tmp/documents`,
    )
  const run: Run =
    <Arguments extends unknown[]>(action: (context: CommandContext, ...args: Arguments) => Promise<void>) =>
    async (...args: [...Arguments, Command]) => {
      const command = args.at(-1)
      assert(command instanceof Command, 'commander passes the command last')
      refuseEmpty(command)
      const globals = readGlobalOptions(command, surroundings.env)
      await action({ ...surroundings, globals }, ...(args.slice(0, -1) as Arguments))
    }
  for (const command of commands) command.register(program, run)
  return program
}

/**
 * Parses `args` (without node and script) and runs the command. `USAGE` for a command line that cannot be
 * understood; printing help or the version is success. No command at all prints the help.
 */
export async function runProgram(program: Command, args: readonly string[]): Promise<void> {
  try {
    await program.parseAsync(args.length === 0 ? ['--help'] : [...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode !== 0) throw usageError(error, program, args)
  }
}

/** Whether errors are to be printed for programs: also known where the command line does not parse. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end < 0 ? args : args.slice(0, end)).includes('--json')
}

/** Global options that take a value. */
const VALUED = ['--repo', '--key-file', '--config', '--cache-dir']

/** Whether PostgreSQL waits for the exit status of it: also known where the command line does not parse. */
export function fetchesWal(args: readonly string[]): boolean {
  const words = args.filter((arg, at) => !arg.startsWith('-') && !VALUED.includes(args[at - 1] ?? ''))
  return words[0] === 'wal' && words[1] === 'fetch'
}

/** Options to which nothing is an answer: no tags, no grouping. */
const EMPTY_ANSWERS: ReadonlySet<string | undefined> = new Set(['--set', '--keep-tag', '--group-by'])

/**
 * `USAGE` for an empty argument or value: a script's variable that is not set would otherwise mean the working directory,
 * everything, or a host, a label or a tag without a name.
 */
function refuseEmpty(command: Command): void {
  const hint = 'Is a variable not set?'
  if (command.args.includes('')) throw new SnapError('USAGE', 'an argument is empty', { hint })
  const values: Readonly<Record<string, unknown>> = command.optsWithGlobals()
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const empty = at.options.find(
      (option) =>
        option.required && !EMPTY_ANSWERS.has(option.long) && isEmptyValue(values[option.attributeName()]),
    )
    if (empty !== undefined) throw new SnapError('USAGE', `${empty.long ?? empty.flags} is empty`, { hint })
  }
}

function isEmptyValue(value: unknown): boolean {
  return value === '' || (Array.isArray(value) && value.includes(''))
}

/** Commander's sentence without its prefix; its suggestion becomes the hint. */
function usageError(error: CommanderError, program: Command, args: readonly string[]): SnapError {
  const [sentence = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = rest.join(' ').trim().replace(/^\(/, '').replace(/\)$/, '')
  const command = program.commands.find((known) => args.includes(known.name()))
  const behind = command === undefined ? [] : args.slice(args.indexOf(command.name()) + 1)
  const below = command?.commands.find((known) => behind.includes(known.name()))
  const names = [command, below].flatMap((known) => (known === undefined ? [] : [`${known.name()} `]))
  const help = `\`snap ${names.join('')}--help\` explains.`
  const asked = args.indexOf('help')
  const unknown = command === undefined && asked >= 0 ? args[asked + 1] : undefined
  const missing = unknown === undefined ? 'a command is missing' : `unknown command '${unknown}'`
  const message = error.code === 'commander.help' ? missing : sentence
  return new SnapError('USAGE', message, { hint: suggestion === '' ? `${help}` : `${suggestion} ${help}` })
}
