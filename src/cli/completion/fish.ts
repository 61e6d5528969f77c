/** The completion script for fish: a `complete` for each command, option and argument, and a function that tells which of them hold. */
import { type ArgumentShape, type CommandShape, commandsBelow, type OptionShape } from '../command-shape.ts'
import { NAMES_COMMAND, type ScriptWriter } from './shells.ts'
import { type Value, valueOfArgument, valueOfOption } from './values.ts'

export const fishScript: ScriptWriter = (program, names) => {
  const [name, ...others] = names
  const commands = [program, ...commandsBelow(program)]
  const completions = [
    `complete -c ${name} -f`,
    ...program.options.map((option) => `complete -c ${name}${optionSwitches(program, option)}`),
    ...commands.flatMap((command) => commandCompletions(name, command)),
    ...others.map((other) => `complete -c ${other} -w ${name}`),
  ]
  return `# Completion of ${names.join(' and ')} for fish, by \`${name} completion fish\`.

# The subcommands of a command.
function __snapkeep_subcommands
    switch $argv[1]
${commands.map((command) => wordsCase(command, command.subcommands.map(ownName))).join('')}    end
end

# The options of a command that take a value; those of the program hold for every command.
function __snapkeep_valued
    printf '%s\\n' ${valued(program.options).join(' ')}
    switch $argv[1]
${commandsBelow(program)
  .map((command) => wordsCase(command, valued(command.options)))
  .join('')}    end
end
${HELPERS.replaceAll('NAMES_COMMAND', NAMES_COMMAND).replaceAll('PROGRAM', name)}
${completions.join('\n')}
`
}

const ownName = ({ path }: CommandShape): string => path.split(' ').at(-1) ?? ''
const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`

function valued(options: readonly OptionShape[]): string[] {
  return options
    .filter(({ value }) => value !== undefined)
    .flatMap(({ short, long }) => (short === undefined ? [long] : [long, short]))
}

function wordsCase({ path }: CommandShape, words: readonly string[]): string {
  return words.length === 0
    ? ''
    : `        case ${quoted(path)}\n            printf '%s\\n' ${words.join(' ')}\n`
}

function commandCompletions(name: string, command: CommandShape): string[] {
  const { path, subcommands, options } = command
  const complete = (condition: string, rest: string): string =>
    `complete -c ${name} -n ${quoted(condition)}${rest}`
  const own = path === '' ? [] : options
  return [
    ...subcommands.map((each) =>
      complete(`__snapkeep_at ${quoted(path)} 0 0`, ` -a ${ownName(each)} -d ${quoted(each.description)}`),
    ),
    ...own.map((option) => complete(`__snapkeep_at ${quoted(path)}`, optionSwitches(command, option))),
    ...command.arguments.flatMap((argument, index) => {
      const value = valueSwitches(valueOfArgument(argument), argument.description)
      return value === '' ? [] : [complete(argumentCondition(path, argument, index), value)]
    }),
  ]
}

function argumentCondition(path: string, { isVariadic }: ArgumentShape, index: number): string {
  return `__snapkeep_at ${quoted(path)} ${index}${isVariadic ? '' : ` ${index}`}`
}

function optionSwitches(command: CommandShape, option: OptionShape): string {
  const { short, long, value, description } = option
  const spelt = `${short === undefined ? '' : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`
  const taken = value === undefined ? '' : ` -r${valueSwitches(valueOfOption(command, option), '') || ' -f'}`
  return `${spelt}${taken} -d ${quoted(description)}`
}

/** Empty where nothing can be offered. */
function valueSwitches(value: Value, description: string): string {
  const explained = description === '' ? '' : ` -d ${quoted(description)}`
  switch (value.kind) {
    case 'free':
      return ''
    case 'file':
      return ' -F'
    case 'directory':
      return ` -f -a '(__snapkeep_directories)'`
    case 'repository':
      return ` -f -a '(__snapkeep_names repositories; __snapkeep_directories)'`
    case 'words': {
      const words = value.words.join(' ')
      return ` -f -a ${quoted(value.isList ? `(__snapkeep_list ${words})` : words)}${explained}`
    }
    case 'names': {
      const names = `(__snapkeep_names ${value.of})`
      return ` -f -a ${quoted(value.isList ? `(__snapkeep_list ${names})` : names)}${explained}`
    }
  }
}

const HELPERS = `
# __snapkeep_at COMMAND [FIRST [LAST]]: the cursor is behind this command; at an argument with one of these numbers.
function __snapkeep_at
    set -l command ''
    set -l argument 0
    set -l waiting no
    set -l ended no
    set -l subcommands (__snapkeep_subcommands '')
    set -l valued (__snapkeep_valued '')
    for word in (commandline -opc)[2..-1]
        if test $waiting = yes
            set waiting no
        else if test $ended = yes
            set argument (math $argument + 1)
        else if test "$word" = --
            set ended yes
        else if string match -q -- '--*' $word
            if contains -- $word $valued
                set waiting yes
            end
        else if string match -q -- '-?*' $word
            # Of letters in a row the first that takes a value takes the rest, or waits for it.
            set -l letters (string sub -s 2 -- $word | string split '')
            for index in (seq (count $letters))
                if contains -- -$letters[$index] $valued
                    test $index -eq (count $letters); and set waiting yes
                    break
                end
            end
        else if test $argument -eq 0; and contains -- $word $subcommands
            set command (string trim -- "$command $word")
            set subcommands (__snapkeep_subcommands $command)
            set valued (__snapkeep_valued $command)
        else
            set argument (math $argument + 1)
        end
    end
    test "$command" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    test $argument -ge $argv[2]; or return 1
    set -q argv[3]; or return 0
    test $argument -le $argv[3]
end

function __snapkeep_directories
    __fish_complete_directories (commandline -ct | string replace -r -- '^--[^=]*=' '')
end

# Its arguments, behind what is typed up to the last comma.
function __snapkeep_list
    set -l typed (commandline -ct | string replace -r -- '^--[^=]*=' '')
    set -l before (string match -r -- '^.*,' $typed)
    for word in $argv
        printf '%s\\n' "$before$word"
    end
end

# Names in the configuration, of this kind.
function __snapkeep_names
    set -l words (commandline -opc)
    set -l program (string replace -r -- '^~/' "$HOME/" $words[1])
    type -fq -- $program; or set program PROGRAM
    set -l config
    for index in (seq 2 (count $words))
        if test "$words[$index]" = --config; and test $index -lt (count $words)
            set config --config (string replace -r -- '^~/' "$HOME/" $words[(math $index + 1)])
        else if string match -q -- '--config=*' $words[$index]
            set config --config (string replace -r -- '^--config=(~/)?' '' $words[$index])
            string match -q -- '--config=~/*' $words[$index]; and set config[2] "$HOME/$config[2]"
        end
    end
    command $program NAMES_COMMAND $argv[1] $config 2>/dev/null </dev/null
end
`
