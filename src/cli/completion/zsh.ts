/** The completion script for zsh: a function for each command that gives its options and arguments to `_arguments`. */
import { type ArgumentShape, type CommandShape, commandsBelow, type OptionShape } from '../command-shape.ts'
import { NAMES_COMMAND, type ScriptWriter, shellWord } from './shells.ts'
import { type Value, valueOfArgument, valueOfOption } from './values.ts'

export const zshScript: ScriptWriter = (program, names) => {
  return `#compdef ${names.join(' ')}
# Completion of ${names.join(' and ')} for zsh, by \`${names[0]} completion zsh\`.

__snapkeep() {
  local -a snapkeep_line snapkeep_globals
  snapkeep_line=("\${(@)words}")
  snapkeep_globals=(
${lines(program.options.map((option) => optionSpec(program, option)))}
  )
  __snapkeep_of
}
${[program, ...commandsBelow(program)].map(commandFunction).join('')}
${HELPERS.replaceAll('NAMES_COMMAND', NAMES_COMMAND).replaceAll('PROGRAM', names[0])}
# Loaded by its first use, or read by a start-up file.
if [[ $zsh_eval_context[-1] == (loadautofunc|shfunc) ]]; then
  __snapkeep "$@"
else
  if (( ! $+functions[compdef] )); then
    autoload -Uz compinit && compinit -i
  fi
  compdef __snapkeep ${names.map(shellWord).join(' ')}
fi
`
}

const lines = (specs: readonly string[]): string => specs.map((spec) => `    ${spec}`).join('\n')
const functionName = (path: string): string =>
  `__snapkeep_of${path === '' ? '' : `_${path.replaceAll(/\W/g, '_')}`}`

function commandFunction(command: CommandShape): string {
  const own = command.path === '' ? [] : command.options.map((option) => optionSpec(command, option))
  const body = command.subcommands.length > 0 ? groupBody(command) : leafBody(command)
  return `
${functionName(command.path)}() {
  local -a specs
${own.length === 0 ? '' : `  specs=(\n${lines(own)}\n  )\n`}${body}}
`
}

function leafBody({ arguments: given }: CommandShape): string {
  const specs = given.map((argument, index) => shellWord(argumentSpec(argument, index))).join(' ')
  return `  _arguments -s -S $specs $snapkeep_globals ${specs}\n`
}

/**
 * `_arguments` leaves in `words` the name of the subcommand and what follows it, and that goes to the function of that one. Without
 * `-A` it would take a global option that stands right behind the name for its own.
 */
function groupBody({ path, subcommands }: CommandShape): string {
  const named = subcommands.map((each) => ({ ...each, name: each.path.split(' ').at(-1) ?? '' }))
  const described = named.map(({ name, description }) => shellWord(`${name}:${description}`))
  return `  local context state state_descr line curcontext=$curcontext ret=1
  typeset -A opt_args
  _arguments -C -s -S -A '-*' $specs $snapkeep_globals '1: :->command' '*:: :->rest' && ret=0
  case $state in
    command)
      specs=(
${lines(described)}
      )
      _describe -t commands ${shellWord(path === '' ? 'command' : `${path} command`)} specs && ret=0
      ;;
    rest)
      curcontext="\${curcontext%:*:*}:snap-$words[1]:"
      case $words[1] in
${named.map((each) => `        ${shellWord(each.name)}) ${functionName(each.path)} && ret=0 ;;`).join('\n')}
      esac
      ;;
  esac
  return ret
`
}

/** What `_arguments` takes: spellings that exclude each other unless it may be repeated, what it does, what its value is. */
function optionSpec(command: CommandShape, option: OptionShape): string {
  const { short, long, value, isRepeatable, description } = option
  const excluded = short === undefined || isRepeatable ? '' : `(${short} ${long})`
  const star = isRepeatable ? '*' : ''
  const rest = `[${explained(description)}]${value === undefined ? '' : `:${message(value)}:${actionOf(valueOfOption(command, option))}`}`
  const spelt = [
    ...(short === undefined ? [] : [value === undefined ? short : `${short}+`]),
    value === undefined ? long : `${long}=`,
  ]
  return spelt.map((spelling) => shellWord(`${excluded}${star}${spelling}${rest}`)).join(' ')
}

/** One that may be left out is asked for all the same: else what follows it would be offered in its place. */
function argumentSpec(argument: ArgumentShape, index: number): string {
  const place = argument.isVariadic ? '*' : `${index + 1}`
  return `${place}:${message(argument.description || argument.name)}:${actionOf(valueOfArgument(argument))}`
}

const explained = (text: string): string => text.replaceAll(/[\\[\]]/g, '\\$&')
const message = (text: string): string => text.replaceAll(/[\\:]/g, '\\$&')

function actionOf(value: Value): string {
  switch (value.kind) {
    case 'free':
      return ' '
    case 'file':
      return '_files'
    case 'directory':
      return '_files -/'
    case 'repository':
      return '{__snapkeep_names __snapkeep_words repositories; _files -/}'
    case 'words':
      return value.isList ? ` __snapkeep_list ${value.words.join(' ')}` : `(${value.words.join(' ')})`
    case 'names':
      return ` __snapkeep_names ${value.isList ? '__snapkeep_list' : '__snapkeep_words'} ${value.of}`
  }
}

const HELPERS = `
# Called by _arguments, with what compadd is to be told in expl.
__snapkeep_words() {
  compadd "$expl[@]" -- "$@"
}

# The same for what stands behind the last comma.
__snapkeep_list() {
  compset -P '*,'
  compset -S ',*'
  compadd "$expl[@]" -q -S , -- "$@"
}

# __snapkeep_names HOW KIND: names in the configuration.
__snapkeep_names() {
  local -a ask known
  local word config program i
  program=\${(Q)snapkeep_line[1]}
  program=\${program/#\\~\\//$HOME/}
  whence -p -- "$program" >/dev/null || program=PROGRAM
  ask=("$program" NAMES_COMMAND "$2")
  for (( i = 2; i < $#snapkeep_line; i++ )); do
    word=\${(Q)snapkeep_line[i]}
    case $word in
      (--) break ;;
      (--config) config=\${(Q)snapkeep_line[i+1]} ;;
      (--config=*) config=\${word#*=} ;;
    esac
  done
  [[ -n $config ]] && ask+=(--config "\${config/#\\~\\//$HOME/}")
  known=(\${(f)"$("\${ask[@]}" 2>/dev/null </dev/null)"})
  (( $#known )) || return 1
  "$1" "\${known[@]}"
}
`
