/** What a value on the command line can be, for completion: by the option, or else by what stands for the value in help. */
import { NAME_KINDS, type NameKind } from '../../jobs/config/names.ts'
import { GROUP_KEYS } from '../../ops/forget/groups.ts'
import { COMPRESSIONS } from '../backup-request.ts'
import type { ArgumentShape, CommandShape, OptionShape } from '../command-shape.ts'
import { ARCHIVES } from '../commands/dump.ts'
import { TYPES } from '../commands/find.ts'
import { POLICIES } from '../commands/restore.ts'
import { SHELLS } from './shells.ts'

export type Value =
  /** Nobody can guess it. */
  | { readonly kind: 'free' }
  | { readonly kind: 'file' }
  | { readonly kind: 'directory' }
  /** A name in the configuration, or a directory. */
  | { readonly kind: 'repository' }
  /** `isList`: several, with commas. */
  | { readonly kind: 'words'; readonly words: readonly string[]; readonly isList: boolean }
  /** Names in the configuration, which are asked for when they are needed. */
  | { readonly kind: 'names'; readonly of: NameKind; readonly isList: boolean }

const FREE: Value = { kind: 'free' }
const FILE: Value = { kind: 'file' }
const DIRECTORY: Value = { kind: 'directory' }
/** Ids would take the key of a repository. */
const SNAPSHOT: Value = words(['latest'])

/** Options whose values are other things than what stands for them says in general. */
const OPTIONS: Readonly<Record<string, Value>> = {
  '--job': names('jobs'),
  '--scope': listOf(names('categories')),
  '--repo': { kind: 'repository' },
  'init --chunk-size': words(['4k', '8k', '16k', '32k', '64k', '128k', '256k']),
  'find --snapshot': SNAPSHOT,
  'restore --category': listOf(names('categories')),
  'restore --type': listOf(names('types')),
  'restore --source': listOf(names('sources')),
}

/** By what stands for it: `<file>`, `[snapshots...]`. */
const PLACEHOLDERS: Readonly<Record<string, Value>> = {
  categories: FREE,
  cluster: names('clusters'),
  channels: names('channels'),
  command: FREE,
  count: FREE,
  dir: DIRECTORY,
  directory: DIRECTORY,
  drill: names('drills'),
  file: FILE,
  format: words(ARCHIVES),
  id: FREE,
  identifier: FREE,
  keys: listOf(words(GROUP_KEYS)),
  kind: words(NAME_KINDS),
  label: FREE,
  'label=days': FREE,
  letter: words([...TYPES.keys()]),
  mode: words(COMPRESSIONS),
  n: FREE,
  name: FREE,
  names: FREE,
  number: FREE,
  // Those in a snapshot are mostly those that are there, too.
  path: FILE,
  paths: FILE,
  pattern: FREE,
  patterns: FREE,
  percent: FREE,
  place: FILE,
  policy: words(POLICIES),
  repository: { kind: 'repository' },
  run: names('jobs'),
  shell: words(SHELLS),
  size: FREE,
  snapshot: SNAPSHOT,
  snapshots: SNAPSHOT,
  source: names('databases'),
  span: FREE,
  tag: FREE,
  tags: FREE,
  time: FREE,
  zone: FREE,
}

/** `undefined`: the table does not know what stands for it, and a test says so. A switch has none, and is `FREE`. */
export function knownValueOfOption(command: CommandShape, option: OptionShape): Value | undefined {
  if (option.value === undefined) return FREE
  return OPTIONS[`${command.path} ${option.long}`] ?? OPTIONS[option.long] ?? PLACEHOLDERS[option.value]
}

export function valueOfOption(command: CommandShape, option: OptionShape): Value {
  return knownValueOfOption(command, option) ?? FREE
}

export function knownValueOfArgument({ name, words: own }: ArgumentShape): Value | undefined {
  return own === undefined ? PLACEHOLDERS[name] : words(own)
}

export function valueOfArgument(argument: ArgumentShape): Value {
  return knownValueOfArgument(argument) ?? FREE
}

function words(known: readonly string[]): Value & { readonly kind: 'words' } {
  return { kind: 'words', words: known, isList: false }
}

function names(of: NameKind): Value & { readonly kind: 'names' } {
  return { kind: 'names', of, isList: false }
}

function listOf<One extends Value & { readonly isList: boolean }>(value: One): One {
  return { ...value, isList: true }
}
