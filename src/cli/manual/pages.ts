/** The manual: a page for the program and one for each command, with its subcommands. */
import type { ArgumentShape, CommandShape, OptionShape } from '../command-shape.ts'
import { type HelpText, readHelpText } from './help-text.ts'
import {
  bold,
  escaped,
  example,
  italic,
  item,
  paragraphs,
  prose,
  section,
  subsection,
  title,
} from './roff.ts'
import { EXIT_MEANINGS, files, VARIABLES } from './tables.ts'

/** Texts by the names of their files, as `snap-backup.1`. `version`: of the program. */
export function manualPages(program: CommandShape, version: string): ReadonlyMap<string, string> {
  const commands = withoutHelp(program.subcommands)
  const page = (name: string, body: string): [string, string] => [
    `${name}.1`,
    title(name, `snap ${version}`) + body,
  ]
  return new Map([
    ...PROGRAM_NAMES.map((name) => page(name, programPage(program, commands))),
    ...commands.map((command) => page(pageName(command), commandPage(command, program))),
  ])
}

/** It is installed under both. */
const PROGRAM_NAMES = ['snap', 'snapkeep']

/** What commander adds by itself explains itself. */
const withoutHelp = (commands: readonly CommandShape[]): CommandShape[] =>
  commands.filter(({ path }) => path.split(' ').at(-1) !== 'help')

const pageName = ({ path }: CommandShape): string => `snap-${path}`
const reference = (name: string): string => `${bold(name)}(1)`

function programPage(program: CommandShape, commands: readonly CommandShape[]): string {
  const { description, usage, options, more } = program
  const text = readHelpText(more)
  const variables = VARIABLES.map(([names, meaning]) => item(bold(names), prose(meaning)))
  const places = files().map(({ linux, macos, meaning }) =>
    item(italic(linux), `${prose(meaning)};\non macOS ${italic(macos)}`),
  )
  return [
    section('NAME', `${escaped(`${PROGRAM_NAMES.join(', ')} - ${lowered(description)}`)}\n`),
    section('SYNOPSIS', `${synopsis(usage)}\n`),
    section('DESCRIPTION', paragraphs(prose(text.prose))),
    section(
      'COMMANDS',
      commands.map((each) => item(reference(pageName(each)), prose(each.description))).join(''),
    ),
    section(
      'OPTIONS',
      paragraphs(prose('They hold for every command, before and behind its name.')) + optionItems(options),
    ),
    section('EXIT STATUS', exitStatuses(new Map())),
    section('ENVIRONMENT', paragraphs(prose('An empty variable counts as not set.')) + variables.join('')),
    section('FILES', places.join('')),
    section('EXAMPLES', example(text.examples.map(escaped))),
    section('SEE ALSO', seeAlso(commands.map(pageName))),
  ].join('')
}

function commandPage(command: CommandShape, program: CommandShape): string {
  const below = withoutHelp(command.subcommands)
  const all = [command, ...below]
  const texts = all.map(({ more }) => readHelpText(more))
  const usages = (below.length === 0 ? all : below).map(({ usage }) => synopsis(usage))
  return [
    section('NAME', `${escaped(`${pageName(command)} - ${command.description}`)}\n`),
    section('SYNOPSIS', usages.join('\n.br\n').concat('\n')),
    section('DESCRIPTION', describe(command)),
    section(
      'COMMANDS',
      below.map((each) => subsection(`snap ${each.path}`, describe(each) + inputs(each))).join(''),
    ),
    section('ARGUMENTS', argumentItems(command.arguments)),
    section('OPTIONS', optionItems(command.options)),
    section('OPTIONS OF EVERY COMMAND', optionItems(program.options)),
    section('EXIT STATUS', exitStatuses(merged(texts))),
    section('EXAMPLES', example([...new Set(texts.flatMap(({ examples }) => examples))].map(escaped))),
    section('SEE ALSO', seeAlso(['snap'])),
  ].join('')
}

/** In what is said of a command its name is left out: it stands above. */
function describe({ description, more }: CommandShape): string {
  const text = readHelpText(more).prose
  return paragraphs(prose(`${description.charAt(0).toUpperCase()}${description.slice(1)}.\n\n${text}`))
}

const inputs = (command: CommandShape): string =>
  argumentItems(command.arguments) + optionItems(command.options)

function argumentItems(given: readonly ArgumentShape[]): string {
  return given
    .map(({ name, isVariadic, explanation }) =>
      item(italic(name) + (isVariadic ? '...' : ''), prose(explanation)),
    )
    .join('')
}

function optionItems(options: readonly OptionShape[]): string {
  return options
    .map(({ short, long, value, explanation }) => {
      const spelt = [short, long].flatMap((each) => (each === undefined ? [] : [bold(each)])).join(', ')
      return item(value === undefined ? spelt : `${spelt} ${italic(value)}`, prose(explanation))
    })
    .join('')
}

function exitStatuses(own: ReadonlyMap<number, string>): string {
  return Object.entries(EXIT_MEANINGS)
    .map(([status, meaning]) => {
      const here = own.get(Number(status))
      return item(bold(status), prose(here === undefined ? meaning : `${meaning};\nhere: ${here}`))
    })
    .join('')
}

function merged(texts: readonly HelpText[]): ReadonlyMap<number, string> {
  return new Map(texts.flatMap(({ statuses }) => [...statuses]))
}

function seeAlso(names: readonly string[]): string {
  return `${names.map(reference).join(',\n')}\n`
}

/** `snap ls [options] [snapshot]`: what is typed as it is in bold, what stands for something in italics. */
function synopsis(usage: string): string {
  return usage
    .split(' ')
    .map((word) => {
      const [, open, name, dots = '', close] = /^([<[])([^.>\]]+)(\.\.\.)?([>\]])$/.exec(word) ?? []
      if (name === undefined) return bold(word)
      return open === '<' ? `${italic(name)}${dots}` : `${open}${italic(name)}${dots}${close}`
    })
    .join(' ')
}

/** A name's description is no sentence. */
function lowered(sentence: string): string {
  return sentence.charAt(0).toLowerCase() + sentence.slice(1).replace(/\.$/, '')
}
