/**
 * The commands as plain values, read from commander: what completion scripts and manual pages are made of, so that they cannot differ
 * from the program. It knows no shell and no format of pages.
 */
import type { Argument, Command, Help, Option } from 'commander'

export type OptionShape = {
  /** As `-e`. */
  readonly short: string | undefined
  /** As `--exclude`. */
  readonly long: string
  /** What stands for its value, without brackets; `undefined` for a switch. */
  readonly value: string | undefined
  readonly isRepeatable: boolean
  /** As help shows it: `-e, --exclude <pattern>`. */
  readonly flags: string
  readonly description: string
  /** The description with the default. */
  readonly explanation: string
}

export type ArgumentShape = {
  readonly name: string
  readonly isRequired: boolean
  readonly isVariadic: boolean
  readonly description: string
  readonly explanation: string
  /** What it can be, where commander knows that itself. */
  readonly words: readonly string[] | undefined
}

export type CommandShape = {
  /** As `db restore`; empty for the program. */
  readonly path: string
  /** As `snap db restore [options] <source>`. */
  readonly usage: string
  readonly description: string
  readonly arguments: readonly ArgumentShape[]
  /** Its own: those of the program hold for every command. */
  readonly options: readonly OptionShape[]
  readonly subcommands: readonly CommandShape[]
  /** What help says behind the options. */
  readonly more: string
}

/** The program with all commands that are not hidden; commander's own `help` is among them. */
export function shapeOf(program: Command): CommandShape {
  return shapeBelow(program, '')
}

/** Every command below `shape`, groups before what is in them. */
export function commandsBelow(shape: CommandShape): CommandShape[] {
  return shape.subcommands.flatMap((command) => [command, ...commandsBelow(command)])
}

/** `words`: what its arguments can be. */
function shapeBelow(command: Command, path: string, words?: readonly string[]): CommandShape {
  const help = command.createHelp()
  const below = help.visibleCommands(command)
  // `--help` holds for every command, and so is the program's.
  const options = path === '' ? help.visibleOptions(command) : command.options.filter(({ hidden }) => !hidden)
  const named = below.filter((each) => command.commands.includes(each)).map((each) => each.name())
  return {
    path,
    usage: help.commandUsage(command),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => argumentShape(argument, help, words)),
    options: options.map((option) => optionShape(option, help)),
    subcommands: below.map((each) =>
      // What commander itself adds is help on the others.
      shapeBelow(each, `${path} ${each.name()}`.trim(), command.commands.includes(each) ? undefined : named),
    ),
    more: textBehindOptions(command),
  }
}

function optionShape(option: Option, help: Help): OptionShape {
  return {
    short: option.short,
    long: option.long ?? option.flags,
    value: /[<[](.+)[>\]]/.exec(option.flags)?.[1],
    isRepeatable: option.parseArg !== undefined,
    flags: option.flags,
    description: option.description,
    explanation: help.optionDescription(option),
  }
}

function argumentShape(argument: Argument, help: Help, words: readonly string[] | undefined): ArgumentShape {
  return {
    name: argument.name(),
    isRequired: argument.required,
    isVariadic: argument.variadic,
    description: argument.description,
    explanation: help.argumentDescription(argument),
    words,
  }
}

/** Commander prints it, and does not give it otherwise. */
function textBehindOptions(command: Command): string {
  const { writeOut } = command.configureOutput()
  let text = ''
  command.configureOutput({
    writeOut: (part) => {
      text += part
    },
  })
  command.outputHelp()
  if (writeOut !== undefined) command.configureOutput({ writeOut })
  return text.slice(command.helpInformation().length).trim()
}
